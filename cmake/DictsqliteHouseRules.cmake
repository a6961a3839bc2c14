# dictsqlite_house_rules(target): how we compile our own code. Everything is PRIVATE: nothing of it reaches users.

set(_dictsqlite_warnings
    -Wall
    -Wextra
    -Wpedantic
    -Wcast-align
    -Wcast-qual
    -Wconversion
    -Wsign-conversion
    -Wdouble-promotion
    -Wextra-semi
    -Wformat=2
    -Wimplicit-fallthrough
    -Wmissing-declarations
    -Wnon-virtual-dtor
    -Wold-style-cast
    -Woverloaded-virtual
    -Wshadow
    -Wundef
    -Wvla)

if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  list(APPEND _dictsqlite_warnings -Wduplicated-branches -Wduplicated-cond -Wlogical-op -Wsuggest-override)
  # Wrong about tests that count allocations with an operator new of their own (GCC bug 103993).
  list(APPEND _dictsqlite_warnings -Wno-mismatched-new-delete)
  if(CMAKE_CXX_COMPILER_VERSION VERSION_LESS 13)
    # Wrong about std::string's operator+ and about std::optional under -O2 (GCC bugs 105651 and 80635).
    list(APPEND _dictsqlite_warnings -Wno-restrict -Wno-maybe-uninitialized)
  endif()
elseif(CMAKE_CXX_COMPILER_ID MATCHES "Clang")
  list(APPEND _dictsqlite_warnings -Wthread-safety -Wloop-analysis -Wunreachable-code-aggressive
       -Winconsistent-missing-destructor-override)
endif()

function(dictsqlite_house_rules target)
  target_compile_features(${target} PRIVATE cxx_std_20)
  target_compile_options(${target} PRIVATE ${_dictsqlite_warnings} $<$<BOOL:${DICTSQLITE_WERROR}>:-Werror>)
  set_target_properties(${target} PROPERTIES CXX_EXTENSIONS OFF CXX_VISIBILITY_PRESET hidden
                                             VISIBILITY_INLINES_HIDDEN ON)
endfunction()
