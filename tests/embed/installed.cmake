# Installs nodec into a fresh prefix outside of the build tree, moves that, and uses what is there as other projects do: by
# CMake's package, by pkg-config, and header by header. With PREFIX, what lies there already is used.
# Arguments: BUILD, EXAMPLES, COMPILER, PREFIX.
function(run)
  execute_process(COMMAND ${ARGN} RESULT_VARIABLE status OUTPUT_VARIABLE output ERROR_VARIABLE output)
  string(REPLACE ";" " " command "${ARGN}")
  message(STATUS "${command}\n${output}")
  if(NOT status EQUAL 0)
    message(FATAL_ERROR "exit status ${status}")
  endif()
endfunction()

execute_process(COMMAND mktemp -d OUTPUT_VARIABLE folder OUTPUT_STRIP_TRAILING_WHITESPACE COMMAND_ERROR_IS_FATAL ANY)
if(PREFIX)
  set(prefix ${PREFIX})
else()
  set(prefix ${folder}/moved)
  run(${CMAKE_COMMAND} --install ${BUILD} --prefix ${folder}/first)
  file(RENAME ${folder}/first ${prefix})
endif()

# Nothing there names the build.
execute_process(COMMAND grep -rlF ${BUILD} ${prefix} OUTPUT_VARIABLE found)
if(found)
  message(FATAL_ERROR "files that name the build tree: ${found}")
endif()

run(${CMAKE_COMMAND} -S ${EXAMPLES} -B ${folder}/build -DCMAKE_PREFIX_PATH=${prefix} -DCMAKE_CXX_COMPILER=${COMPILER})
run(${CMAKE_COMMAND} --build ${folder}/build -j 2)
run(${folder}/build/short ${EXAMPLES}/oscillator.node)
run(${folder}/build/control ${EXAMPLES}/pendulum.node ${EXAMPLES}/swings.csv)
run(${folder}/build/fit ${EXAMPLES}/decay.node)
run(${folder}/build/ensemble ${EXAMPLES}/oscillator.node)

# Each header stands alone and brings in nothing of the layers, LLVM or ANTLR.
execute_process(COMMAND ${CMAKE_COMMAND} --find-package -DNAME=Eigen3 -DCOMPILER_ID=GNU -DLANGUAGE=CXX -DMODE=COMPILE
                OUTPUT_VARIABLE eigen OUTPUT_STRIP_TRAILING_WHITESPACE)
separate_arguments(eigen NATIVE_COMMAND "${eigen}")
file(GLOB headers RELATIVE ${prefix}/include ${prefix}/include/nodec/*.hpp)
if(NOT headers)
  message(FATAL_ERROR "no headers are installed")
endif()
foreach(header ${headers})
  file(WRITE ${folder}/alone.cpp "#include <${header}>\n")
  run(${COMPILER} -std=c++20 -Wall -Wextra -Wpedantic -Werror -I${prefix}/include ${eigen} -fsyntax-only ${folder}/alone.cpp)
  execute_process(COMMAND ${COMPILER} -std=c++20 -I${prefix}/include ${eigen} -M ${folder}/alone.cpp
                  OUTPUT_VARIABLE includes COMMAND_ERROR_IS_FATAL ANY)
  if(includes MATCHES "[^ ]*/(compiler|runtime|llvm|llvm-c|antlr4-runtime)/[^ ]*")
    message(FATAL_ERROR "${header} includes ${CMAKE_MATCH_0}")
  endif()
endforeach()

# The library gives away nothing but the interface.
find_program(NM nm)
if(NM)
  file(GLOB library ${prefix}/lib*/libnodec.so ${prefix}/lib/*/libnodec.so)
  execute_process(COMMAND ${NM} -DC --defined-only ${library} OUTPUT_VARIABLE symbols COMMAND_ERROR_IS_FATAL ANY)
  if(symbols MATCHES "[^\n]* (llvm|antlr4|antlrcpp|nodec::(source|syntax|semantics|graph|derive|schedule|solvers|codegen|jit|embed|runtime))::[^\n]*")
    message(FATAL_ERROR "libnodec.so exports ${CMAKE_MATCH_0}")
  endif()
endif()

# By pkg-config alone.
find_program(PKG_CONFIG pkg-config)
if(PKG_CONFIG)
  file(GLOB_RECURSE file ${prefix}/nodec.pc)
  get_filename_component(package ${file} DIRECTORY)
  set(ENV{PKG_CONFIG_PATH} ${package})
  execute_process(COMMAND ${PKG_CONFIG} --cflags --libs nodec OUTPUT_VARIABLE flags OUTPUT_STRIP_TRAILING_WHITESPACE
                  COMMAND_ERROR_IS_FATAL ANY)
  execute_process(COMMAND ${PKG_CONFIG} --variable=libdir nodec OUTPUT_VARIABLE libraries OUTPUT_STRIP_TRAILING_WHITESPACE
                  COMMAND_ERROR_IS_FATAL ANY)
  separate_arguments(flags NATIVE_COMMAND "${flags}")
  string(REPLACE "\\ " " " libraries "${libraries}")
  run(${COMPILER} ${EXAMPLES}/short.cpp ${eigen} ${flags} -Wl,-rpath,${libraries} -o ${folder}/short)
  run(${folder}/short ${EXAMPLES}/oscillator.node)
endif()
file(REMOVE_RECURSE ${folder})
