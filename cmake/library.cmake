# libnodec, all layers in one shared library with LLVM inside (of ANTLR it takes the runtime's shared library, whose archive
# Debian does not make for shared libraries), and its package: `cmake --install` gives headers, library,
# `find_package(nodec)` with target nodec::nodec, and pkg-config.
include(CMakePackageConfigHelpers)

file(CONFIGURE OUTPUT ${PROJECT_BINARY_DIR}/library.cpp CONTENT "// A library has a source of its own.\n")
add_library(nodec_library SHARED ${PROJECT_BINARY_DIR}/library.cpp)
target_link_libraries(nodec_library PRIVATE nodec_options $<LINK_LIBRARY:WHOLE_ARCHIVE,nodec_embed>)
target_link_options(nodec_library PRIVATE -Wl,--version-script=${PROJECT_SOURCE_DIR}/cmake/exports.map -Wl,--gc-sections -Wl,--as-needed)
set_property(TARGET nodec_library APPEND PROPERTY LINK_DEPENDS ${PROJECT_SOURCE_DIR}/cmake/exports.map)
target_include_directories(nodec_library INTERFACE $<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}>)
target_compile_features(nodec_library INTERFACE cxx_std_20)
set_target_properties(nodec_library PROPERTIES
  OUTPUT_NAME nodec EXPORT_NAME nodec
  VERSION ${PROJECT_VERSION} SOVERSION ${PROJECT_VERSION_MAJOR}.${PROJECT_VERSION_MINOR}
  LIBRARY_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR})
nodec_release_library(nodec_library)

set(package ${CMAKE_INSTALL_LIBDIR}/cmake/nodec)
install(TARGETS nodec_library EXPORT nodec LIBRARY COMPONENT library NAMELINK_COMPONENT development)
install(DIRECTORY ${PROJECT_SOURCE_DIR}/compiler/embed/include/nodec DESTINATION ${CMAKE_INSTALL_INCLUDEDIR} COMPONENT development)
install(EXPORT nodec NAMESPACE nodec:: DESTINATION ${package} FILE nodecConfig.cmake COMPONENT development)
write_basic_package_version_file(${PROJECT_BINARY_DIR}/nodecConfigVersion.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${PROJECT_BINARY_DIR}/nodecConfigVersion.cmake DESTINATION ${package} COMPONENT development)

# Paths are relative to where the file lies, so that a prefix can be moved.
file(RELATIVE_PATH prefix /${CMAKE_INSTALL_LIBDIR}/pkgconfig /)
file(CONFIGURE OUTPUT ${PROJECT_BINARY_DIR}/nodec.pc @ONLY CONTENT [[
prefix=${pcfiledir}/@prefix@
libdir=${prefix}/@CMAKE_INSTALL_LIBDIR@
includedir=${prefix}/@CMAKE_INSTALL_INCLUDEDIR@
Name: nodec
Description: @PROJECT_DESCRIPTION@
Version: @PROJECT_VERSION@
Cflags: -std=c++20 -I${includedir}
Libs: -L${libdir} -lnodec
]])
install(FILES ${PROJECT_BINARY_DIR}/nodec.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig COMPONENT development)
