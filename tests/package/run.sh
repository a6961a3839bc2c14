#!/usr/bin/env bash
# Goal: whoever installs or embeds the library can use it. Method: install it to a scratch prefix, static and shared,
# move the prefix, then build and run the consumers of this directory against it. The one that embeds the sources takes
# the library without io_uring, exceptions and RTTI.
#
# Usage: tests/package/run.sh [scratch directory]
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$here/../.." && pwd)
scratch=${1:-$root/build/package}
rm -rf "$scratch"
mkdir -p "$scratch"
scratch=$(cd "$scratch" && pwd)
if command -v ccache >/dev/null; then
  export CMAKE_CXX_COMPILER_LAUNCHER=ccache
fi

# run NAME COMMAND...: quiet unless it fails.
run() {
  local name=$1
  shift
  if "$@" >"$scratch/$name.log" 2>&1; then
    echo "package: $name: ok"
  else
    cat "$scratch/$name.log"
    echo "package: $name: FAILED: $*"
    exit 1
  fi
}

install_library() { # NAME SHARED: the library alone, into $scratch/NAME/prefix
  local build=$scratch/$1/build prefix=$scratch/$1/first-prefix
  # Position-independent both times, so that ccache compiles once.
  cmake -S "$root" -B "$build" -G Ninja -DCMAKE_BUILD_TYPE=Release -DBUILD_SHARED_LIBS="$2" \
    -DCMAKE_POSITION_INDEPENDENT_CODE=ON -DCMAKE_INSTALL_PREFIX="$prefix" \
    -DDICTSQLITE_TESTS=OFF -DDICTSQLITE_EXAMPLES=OFF -DDICTSQLITE_BENCHMARKS=OFF -DDICTSQLITE_WERROR=ON
  cmake --build "$build"
  cmake --install "$build"
  mv "$prefix" "$scratch/$1/prefix"
}

cmake_consumer() { # NAME PROJECT [-D...]
  local build=$scratch/$1/$2
  cmake -S "$here/$2" -B "$build" -G Ninja -DCMAKE_BUILD_TYPE=Release "${@:3}"
  cmake --build "$build"
  "$build/consumer"
}

pkg_config_consumer() { # NAME
  local prefix=$scratch/$1/prefix
  local libdir flags
  libdir=$(dirname "$(find "$prefix" -name 'libdictsqlite.*' | head -n 1)")
  flags=$(PKG_CONFIG_PATH=$libdir/pkgconfig pkg-config --cflags --libs dictsqlite)
  # shellcheck disable=SC2086 # flags are words
  "${CXX:-c++}" -std=c++20 "$here/main.cpp" $flags -o "$scratch/$1/pkg-config-consumer"
  LD_LIBRARY_PATH=$libdir "$scratch/$1/pkg-config-consumer"
}

for kind in static shared; do
  run "$kind-install" install_library "$kind" "$([[ $kind == shared ]] && echo ON || echo OFF)"
  run "$kind-find-package" cmake_consumer "$kind" find_package -DCMAKE_PREFIX_PATH="$scratch/$kind/prefix"
  run "$kind-no-exceptions" cmake_consumer "$kind" no_exceptions -DCMAKE_PREFIX_PATH="$scratch/$kind/prefix"
  run "$kind-pkg-config" pkg_config_consumer "$kind"
done
run add-subdirectory cmake_consumer embedded add_subdirectory -DDICTSQLITE_URING=OFF -DDICTSQLITE_NO_EXCEPTIONS=ON
