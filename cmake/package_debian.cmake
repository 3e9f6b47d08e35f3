# What Debian wants of a package beyond the installed files, done to the staged ones: run by cpack.
if(NOT CPACK_GENERATOR STREQUAL "DEB")
  return()
endif()
set(source ${CPACK_NODEC_SOURCE}/cmake/debian)
set(staged ${CPACK_TEMPORARY_INSTALL_DIRECTORY})

function(compressed file)
  execute_process(COMMAND gzip -9nf ${file} COMMAND_ERROR_IS_FATAL ANY)
endfunction()

execute_process(COMMAND date -R OUTPUT_VARIABLE date OUTPUT_STRIP_TRAILING_WHITESPACE COMMAND_ERROR_IS_FATAL ANY)
foreach(component program library development)
  string(TOUPPER ${component} key)
  set(name ${CPACK_DEBIAN_${key}_PACKAGE_NAME})
  set(documents ${staged}/${component}/usr/share/doc/${name})
  file(MAKE_DIRECTORY ${documents})
  file(COPY_FILE ${source}/copyright ${documents}/copyright)
  file(WRITE ${documents}/changelog
    "nodec (${CPACK_PACKAGE_VERSION}) unstable; urgency=medium\n\n  * Release ${CPACK_PACKAGE_VERSION}.\n\n"
    " -- ${CPACK_PACKAGE_CONTACT}  ${date}\n")
  compressed(${documents}/changelog)
  file(MAKE_DIRECTORY ${staged}/${component}/usr/share/lintian/overrides)
  file(COPY_FILE ${source}/${component}.overrides ${staged}/${component}/usr/share/lintian/overrides/${name})
endforeach()

# Debian has places of its own for these.
set(share ${staged}/program/usr/share)
compressed(${share}/man/man1/nodec.1)
file(MAKE_DIRECTORY ${share}/zsh/vendor-completions)
file(RENAME ${share}/zsh/site-functions/_nodec ${share}/zsh/vendor-completions/_nodec)
file(REMOVE_RECURSE ${share}/zsh/site-functions ${share}/doc/nodec/LICENSE)
