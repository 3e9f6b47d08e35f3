# -DNODEC_RELOCATABLE=ON: what is linked runs wherever there is glibc, from any folder. Nothing is compiled otherwise.
# nodec_release_program(TARGET): takes from archives all but libc and libm.
# nodec_release_library(TARGET): brings what it needs in a folder of its own beside it, all but what every C++ program has.
function(nodec_archives result)
  set(list "")
  foreach(name ${ARGN})
    find_library(NODEC_ARCHIVE_${name} NAMES lib${name}.a REQUIRED)
    list(APPEND list ${NODEC_ARCHIVE_${name}})
  endforeach()
  set(${result} ${list} PARENT_SCOPE)
endfunction()

function(nodec_release_program target)
  if(NOT NODEC_RELOCATABLE)
    return()
  endif()
  # Whole archives come first, so that the shared libraries named later give nothing and are not needed.
  nodec_archives(archives z zstd utf8proc)
  target_link_options(${target} PRIVATE -static-libstdc++ -static-libgcc
    LINKER:--whole-archive ${archives} LINKER:--no-whole-archive LINKER:--as-needed LINKER:--gc-sections)
endfunction()

# Archives of Debian are not made for shared libraries. libstdc++ stays the program's: with two of them neither exceptions
# nor streams are the other's.
function(nodec_release_library target)
  if(NOT NODEC_RELOCATABLE)
    return()
  endif()
  set_target_properties(${target} PROPERTIES INSTALL_RPATH "$ORIGIN/nodec")
  foreach(name antlr4-runtime utf8proc zstd z)
    find_library(NODEC_SHARED_${name} NAMES lib${name}.so REQUIRED)
    file(REAL_PATH ${NODEC_SHARED_${name}} file)
    execute_process(COMMAND ${CMAKE_OBJDUMP} -p ${file} OUTPUT_VARIABLE headers COMMAND_ERROR_IS_FATAL ANY)
    if(NOT headers MATCHES "SONAME +([^ \n]+)")
      message(FATAL_ERROR "${file} has no name")
    endif()
    install(PROGRAMS ${file} DESTINATION ${CMAKE_INSTALL_LIBDIR}/nodec RENAME ${CMAKE_MATCH_1} COMPONENT library)
  endforeach()
endfunction()
