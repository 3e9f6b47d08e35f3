# What differs between the kinds of packages, read by cpack for each.
if(CPACK_GENERATOR STREQUAL "DEB")
  if(CPACK_NODEC_RELOCATABLE)
    message(FATAL_ERROR "Debian has libraries of its own: make its packages with -DNODEC_RELOCATABLE=OFF")
  endif()
  set(CPACK_PACKAGING_INSTALL_PREFIX /usr)
  # The project's would stand before that of each package.
  set(CPACK_PACKAGE_DESCRIPTION_SUMMARY "")
endif()
