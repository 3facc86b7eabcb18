# Compute plugins: BUILD/plugins/keystill-<backend>.so, installed in LIBDIR/keystill. Each is made of the job logic
# (host/devices/gpu), one driver (host/devices/opencl or host/devices/cuda) with the kernels, and what it needs of libkeystill.
set(KS_PLUGIN_FOLDER ${PROJECT_BINARY_DIR}/plugins)
file(GLOB KS_GPU_LOGIC CONFIGURE_DEPENDS host/devices/gpu/*.c)
file(GLOB KS_OPENCL CONFIGURE_DEPENDS host/devices/opencl/*.c)

find_path(OPENCL_INCLUDE CL/cl.h)
if(NOT OPENCL_INCLUDE)
  message(STATUS "OpenCL plugin: not built, there are no OpenCL headers (opencl-headers)")
endif()

# ks_embed_kernels(TARGET ROOT): ROOT/kernels/gpu/*.cl into the program of a driver; ROOT also has kernels/gpu/list.def.
function(ks_embed_kernels target root)
  file(GLOB texts CONFIGURE_DEPENDS ${root}/kernels/gpu/*.cl ${root}/kernels/gpu/*.inc)
  set(output ${PROJECT_BINARY_DIR}/generated/${target})
  add_custom_command(
    OUTPUT ${output}/gpu_source.c ${output}/gpu_kernels.inc
    COMMAND ${CMAKE_COMMAND} -DPORT=${PROJECT_SOURCE_DIR}/kernels/gpu/port.h -DKERNELS=${root}/kernels/gpu
            -DOUTPUT=${output} -P ${PROJECT_SOURCE_DIR}/cmake/embed_kernels.cmake
    DEPENDS ${texts} ${PROJECT_SOURCE_DIR}/kernels/gpu/port.h ${PROJECT_SOURCE_DIR}/cmake/embed_kernels.cmake
    COMMENT "Embedding the kernels of ${target}")
  target_include_directories(${target} BEFORE PRIVATE ${root} ${output})
endfunction()

# ks_opencl_driver(TARGET ROOT): the OpenCL driver with the kernels of ROOT, as objects.
function(ks_opencl_driver target root)
  add_library(${target} OBJECT ${KS_OPENCL} ${PROJECT_BINARY_DIR}/generated/${target}/gpu_source.c)
  ks_embed_kernels(${target} ${root})
  target_link_libraries(${target} PRIVATE ks_flags)
  target_include_directories(${target} SYSTEM PRIVATE ${OPENCL_INCLUDE})
endfunction()

# ks_plugin(BACKEND): the plugin of a backend from objects of the target ks_<backend>.
function(ks_plugin backend)
  set(plugin keystill-${backend})
  add_library(${plugin} MODULE ${KS_GPU_LOGIC} $<TARGET_OBJECTS:ks_${backend}>)
  target_link_libraries(${plugin} PRIVATE ks_flags keystill_static ${CMAKE_DL_LIBS} ${ARGN})
  target_link_options(${plugin} PRIVATE LINKER:--version-script=${PROJECT_SOURCE_DIR}/cmake/plugin.map)
  if(NOT KS_SANITIZE)
    target_link_options(${plugin} PRIVATE LINKER:-z,defs)
  endif()
  set_target_properties(${plugin} PROPERTIES PREFIX "" LIBRARY_OUTPUT_DIRECTORY ${KS_PLUGIN_FOLDER}
    LINK_DEPENDS ${PROJECT_SOURCE_DIR}/cmake/plugin.map)
  # Nothing is loaded that others may write, whatever the umask of the build.
  add_custom_command(TARGET ${plugin} POST_BUILD COMMAND chmod go-w ${KS_PLUGIN_FOLDER} $<TARGET_FILE:${plugin}>)
  install(DIRECTORY DESTINATION ${CMAKE_INSTALL_LIBDIR}/keystill DIRECTORY_PERMISSIONS
    OWNER_READ OWNER_WRITE OWNER_EXECUTE GROUP_READ GROUP_EXECUTE WORLD_READ WORLD_EXECUTE)
  install(TARGETS ${plugin} LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR}/keystill)
endfunction()

if(OPENCL_INCLUDE)
  ks_opencl_driver(ks_opencl ${PROJECT_SOURCE_DIR})
  ks_plugin(opencl)
endif()
