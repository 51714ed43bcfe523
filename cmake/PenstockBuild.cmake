# Compiler flags, sanitizers and output folders that all targets share.
option(PENSTOCK_TESTS "build the tests and penstock-sandbox" ON)
option(PENSTOCK_BENCHES "build the benches" ON)
option(PENSTOCK_FUZZ "build the fuzz targets with libFuzzer (clang)" OFF)
set(PENSTOCK_SANITIZER "" CACHE STRING "address, thread or empty")

set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
set(CMAKE_RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/bin)

find_package(Threads REQUIRED)
find_program(CCACHE_PROGRAM ccache)
if(CCACHE_PROGRAM)
  set(CMAKE_CXX_COMPILER_LAUNCHER ${CCACHE_PROGRAM})
endif()

add_library(penstock_flags INTERFACE)
target_include_directories(penstock_flags INTERFACE ${CMAKE_SOURCE_DIR})
target_compile_options(penstock_flags INTERFACE -Wall -Wextra -Werror -Wshadow -Wnon-virtual-dtor -Wold-style-cast -Wimplicit-fallthrough)
target_link_libraries(penstock_flags INTERFACE Threads::Threads)
# Designated initialisers leave the other members to their defaults; that is what they are used for here.
target_compile_options(penstock_flags INTERFACE -Wno-missing-field-initializers)
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  # GCC 12 reports false positives of these three inside libstdc++ at -O2 (GCC bugs 105329, 105562, 107852).
  target_compile_options(penstock_flags INTERFACE -Wno-restrict -Wno-maybe-uninitialized -Wno-stringop-overflow)
endif()

if(PENSTOCK_SANITIZER STREQUAL "address")
  add_compile_options(-fsanitize=address,undefined -fno-omit-frame-pointer -fno-sanitize-recover=undefined)
  add_link_options(-fsanitize=address,undefined)
elseif(PENSTOCK_SANITIZER STREQUAL "thread")
  add_compile_options(-fsanitize=thread -fno-omit-frame-pointer)
  add_link_options(-fsanitize=thread)
elseif(NOT PENSTOCK_SANITIZER STREQUAL "")
  message(FATAL_ERROR "PENSTOCK_SANITIZER: expected address, thread or empty, found '${PENSTOCK_SANITIZER}'")
endif()

if(PENSTOCK_FUZZ)
  # Coverage of all modules guides the fuzzer; only the fuzz targets link its main().
  add_compile_options(-fsanitize=fuzzer-no-link)
endif()

# Hardening of the release build: the program parses what strangers send.
if(CMAKE_BUILD_TYPE STREQUAL "Release")
  add_compile_options(-D_FORTIFY_SOURCE=2 -fstack-protector-strong)
  add_link_options(-Wl,-z,relro,-z,now)
endif()
