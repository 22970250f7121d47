# fastact::fastact: the library of the Python package that this file belongs to
get_filename_component(_fastact "${CMAKE_CURRENT_LIST_DIR}/../../.." ABSOLUTE)
if(NOT TARGET fastact::fastact)
  add_library(fastact::fastact SHARED IMPORTED)
  set_target_properties(fastact::fastact PROPERTIES
    IMPORTED_LOCATION "${_fastact}/lib/libfastact.so"
    IMPORTED_SONAME libfastact.so
    INTERFACE_INCLUDE_DIRECTORIES "${_fastact}/include")
endif()
unset(_fastact)
