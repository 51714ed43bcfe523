# penstock_module(NAME SOURCES a.cc … DEPENDS base json … LIBRARIES PkgConfig::SQLITE …)
#
# One module = one folder = one library = one namespace. DEPENDS is the module's allow-list: it may include headers of
# these modules and of no other, which tests/layering/check_includes.py holds. LIBRARIES are the C and C++ libraries
# that the module owns; they stay private, so their headers cannot leak through the module's own.
function(penstock_module name)
  cmake_parse_arguments(ARG "" "" "SOURCES;DEPENDS;LIBRARIES" ${ARGN})
  add_library(penstock_${name} STATIC ${ARG_SOURCES})
  add_library(penstock::${name} ALIAS penstock_${name})
  target_link_libraries(penstock_${name} PUBLIC penstock_flags)
  foreach(dependency IN LISTS ARG_DEPENDS)
    target_link_libraries(penstock_${name} PUBLIC penstock_${dependency})
  endforeach()
  target_link_libraries(penstock_${name} PRIVATE ${ARG_LIBRARIES})
  set_property(GLOBAL APPEND PROPERTY PENSTOCK_MODULES "${name}: ${ARG_DEPENDS}")
endfunction()

# Writes "module: allowed modules" lines for the layering test.
function(penstock_write_module_list)
  get_property(modules GLOBAL PROPERTY PENSTOCK_MODULES)
  set(text "")
  foreach(line IN LISTS modules)
    # DEPENDS is itself a list, so a module's line may arrive split at its semicolons.
    if(line MATCHES ":")
      string(APPEND text "\n${line}")
    else()
      string(APPEND text " ${line}")
    endif()
  endforeach()
  string(STRIP "${text}" text)
  file(WRITE ${CMAKE_BINARY_DIR}/modules.txt "${text}\n")
endfunction()

# penstock_test(NAME SOURCES a_test.cc … DEPENDS store … [LIBRARIES …] [LABELS concurrency])
# One test program per module; each of its cases is one test of ctest's.
function(penstock_test name)
  cmake_parse_arguments(ARG "" "" "SOURCES;DEPENDS;LIBRARIES;LABELS" ${ARGN})
  add_executable(${name} ${ARG_SOURCES})
  foreach(dependency IN LISTS ARG_DEPENDS)
    target_link_libraries(${name} PRIVATE penstock_${dependency})
  endforeach()
  target_link_libraries(${name} PRIVATE penstock_test_support ${ARG_LIBRARIES} PkgConfig::GTEST PkgConfig::GTEST_MAIN)
  if(PENSTOCK_SANITIZER STREQUAL "address")
    # What is tested has these checks; in the tests they only cost a third of the time that compiling takes.
    target_compile_options(${name} PRIVATE -fno-sanitize=undefined)
  endif()
  add_test(NAME ${name} COMMAND ${name})
  # Long enough for a sanitizer on a machine that does something else as well.
  set(timeout 600)
  if(PENSTOCK_SANITIZER)
    set(timeout 1800)
  endif()
  set_tests_properties(${name} PROPERTIES LABELS "unit;${ARG_LABELS}" TIMEOUT ${timeout})
endfunction()
