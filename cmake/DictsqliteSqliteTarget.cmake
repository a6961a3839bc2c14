# FindSQLite3 calls its target SQLite::SQLite3; CMake 4.3 and later prefer SQLite3::SQLite3 and warn of the old name.
# Afterwards the new name always exists. Installed too: the exported targets may know it by either name.
if(TARGET SQLite::SQLite3 AND NOT TARGET SQLite3::SQLite3)
  add_library(SQLite3::SQLite3 ALIAS SQLite::SQLite3)
elseif(TARGET SQLite3::SQLite3 AND NOT TARGET SQLite::SQLite3)
  add_library(SQLite::SQLite3 ALIAS SQLite3::SQLite3)
endif()
