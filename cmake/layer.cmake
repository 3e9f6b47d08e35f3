# nodec_layer(NAME SOURCES file… USES layer…): one static library per folder of compiler/ (or runtime/),
# which may include only from itself and from the layers that it names.
add_library(nodec_options INTERFACE)
target_compile_options(nodec_options INTERFACE -Wall -Wextra -Wpedantic -ffp-contract=off)
# g++ 12 sees overlapping copies in `"text" + string` where there are none (GCC bug 105651).
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU" AND CMAKE_CXX_COMPILER_VERSION VERSION_LESS 13)
  target_compile_options(nodec_options INTERFACE -Wno-restrict)
endif()
if(NODEC_WERROR)
  target_compile_options(nodec_options INTERFACE -Werror)
endif()
if(NODEC_SANITIZE)
  # -O2 -g takes two to three times as long to compile, more than the tests then save.
  target_compile_options(nodec_options INTERFACE -fsanitize=${NODEC_SANITIZE} -fno-omit-frame-pointer -O1 -g1)
  target_link_options(nodec_options INTERFACE -fsanitize=${NODEC_SANITIZE})
endif()

function(nodec_layer name)
  cmake_parse_arguments(LAYER "" "" "SOURCES;USES" ${ARGN})
  add_library(nodec_${name} STATIC ${LAYER_SOURCES})
  target_include_directories(nodec_${name} PUBLIC ${PROJECT_SOURCE_DIR})
  target_link_libraries(nodec_${name} PRIVATE nodec_options)
  foreach(used ${LAYER_USES})
    target_link_libraries(nodec_${name} PUBLIC nodec_${used})
  endforeach()
  set_target_properties(nodec_${name} PROPERTIES POSITION_INDEPENDENT_CODE ON)
endfunction()
