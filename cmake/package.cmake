# `cpack -G TGZ`: an archive, relocatable with -DNODEC_RELOCATABLE=ON. `cpack -G DEB`: the Debian packages nodec, libnodec
# and libnodec-dev. README.md of this folder says how a release is made.
set(documents ${CMAKE_INSTALL_DATAROOTDIR}/doc/nodec)
install(FILES ${PROJECT_SOURCE_DIR}/README.md ${PROJECT_SOURCE_DIR}/LICENSE DESTINATION ${documents} COMPONENT program)
install(FILES ${PROJECT_SOURCE_DIR}/grammar/README.md DESTINATION ${documents} RENAME language.md COMPONENT program)
install(DIRECTORY ${PROJECT_SOURCE_DIR}/examples DESTINATION ${documents} COMPONENT program)
# What `use` reads is built in; this is for people.
install(DIRECTORY ${PROJECT_SOURCE_DIR}/stdlib DESTINATION ${documents} COMPONENT program)

# Of what is linked into nodec, or written in headers.
set(parts llvm-19-dev libantlr4-runtime-dev libeigen3-dev libcli11-dev nlohmann-json3-dev)
if(EDIT_LIBRARY MATCHES "\\.a$")
  list(APPEND parts libedit-dev libbsd-dev libmd-dev libncurses-dev)
endif()
if(NODEC_RELOCATABLE)
  list(APPEND parts zlib1g-dev libzstd-dev libutf8proc-dev libstdc++6)
endif()
foreach(part ${parts})
  if(EXISTS /usr/share/doc/${part}/copyright)
    install(FILES /usr/share/doc/${part}/copyright DESTINATION ${documents}/licenses RENAME ${part} COMPONENT program)
  elseif(NODEC_RELOCATABLE)
    message(FATAL_ERROR "the license of ${part} is not in /usr/share/doc")
  endif()
endforeach()

# The author of the last commit, where there is one.
execute_process(COMMAND git log -1 "--format=%an <%ae>" WORKING_DIRECTORY ${PROJECT_SOURCE_DIR} OUTPUT_VARIABLE author
                OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET)
set(NODEC_MAINTAINER "${author}" CACHE STRING "Maintainer of the packages: NAME <ADDRESS>")

set(CPACK_PACKAGE_CONTACT "${NODEC_MAINTAINER}")
set(CPACK_PACKAGE_VENDOR nodec)
set(CPACK_PACKAGE_DIRECTORY ${PROJECT_BINARY_DIR}/packages)
set(CPACK_STRIP_FILES ON)
set(CPACK_THREADS 0)
set(CPACK_COMPONENTS_ALL program library development)
set(CPACK_PROJECT_CONFIG_FILE ${PROJECT_SOURCE_DIR}/cmake/package_kind.cmake)
set(CPACK_PRE_BUILD_SCRIPTS ${PROJECT_SOURCE_DIR}/cmake/package_debian.cmake)
string(TOLOWER ${CMAKE_SYSTEM_NAME} system)
set(CPACK_PACKAGE_FILE_NAME nodec-${PROJECT_VERSION}-${system}-${CMAKE_SYSTEM_PROCESSOR})

set(CPACK_DEB_COMPONENT_INSTALL ON)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_COMPRESSION_TYPE xz)
set(CPACK_DEBIAN_PACKAGE_CONTROL_STRICT_PERMISSION ON)
set(CPACK_DEBIAN_PACKAGE_GENERATE_SHLIBS ON)
set(CPACK_DEBIAN_PACKAGE_GENERATE_SHLIBS_POLICY ">=")

set(soversion ${PROJECT_VERSION_MAJOR}.${PROJECT_VERSION_MINOR})
set(CPACK_DEBIAN_PROGRAM_PACKAGE_NAME nodec)
set(CPACK_DEBIAN_PROGRAM_PACKAGE_SECTION science)
set(CPACK_DEBIAN_PROGRAM_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_PROGRAM_PACKAGE_RECOMMENDS "gnuplot-nox | gnuplot")
set(CPACK_DEBIAN_PROGRAM_PACKAGE_SUGGESTS "c-compiler, libnodec-dev")
set(CPACK_COMPONENT_PROGRAM_DESCRIPTION "modeling language and JIT compiler for neural ODEs
You write vector fields and losses as in the paper; nodec derives the adjoint
symbolically, compiles the whole training step (solver, adaptive step control,
dense output, backward pass) to vector machine code for this processor, and
trains.")

set(CPACK_DEBIAN_LIBRARY_PACKAGE_NAME libnodec${soversion})
set(CPACK_DEBIAN_LIBRARY_PACKAGE_SECTION libs)
set(CPACK_DEBIAN_LIBRARY_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_LIBRARY_PACKAGE_CONTROL_EXTRA ${PROJECT_SOURCE_DIR}/cmake/debian/triggers)
set(CPACK_COMPONENT_LIBRARY_DESCRIPTION "JIT compiler for neural ODEs - shared library
The compiler, solvers and optimizers of nodec for programs in C++: models are
checked, compiled, solved, differentiated and trained in the process.")

set(CPACK_DEBIAN_DEVELOPMENT_PACKAGE_NAME libnodec-dev)
set(CPACK_DEBIAN_DEVELOPMENT_PACKAGE_SECTION libdevel)
set(CPACK_DEBIAN_DEVELOPMENT_PACKAGE_DEPENDS "libnodec${soversion} (= ${PROJECT_VERSION}), libeigen3-dev")
set(CPACK_COMPONENT_DEVELOPMENT_DESCRIPTION "JIT compiler for neural ODEs - development files
Headers of nodec's library, with its packages for CMake and pkg-config.")

set(CPACK_NODEC_SOURCE ${PROJECT_SOURCE_DIR})
set(CPACK_NODEC_RELOCATABLE ${NODEC_RELOCATABLE})
include(CPack)
