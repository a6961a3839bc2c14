/// \file
/// DICTSQLITE_EXPORT marks what a shared build of the library exports. Everything else is hidden.
#pragma once

#if defined(__GNUC__)
#define DICTSQLITE_EXPORT __attribute__((visibility("default")))
#else
#define DICTSQLITE_EXPORT
#endif
