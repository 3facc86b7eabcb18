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

# The CUDA plugin needs nvcc and a toolkit that works with the host compiler; KS_CUDA=OFF leaves it out.
set(KS_CUDA AUTO CACHE STRING "build the CUDA plugin where nvcc is (AUTO) or not (OFF)")
option(KS_CUDA_FAST "machine code for one CUDA architecture, the driver's compiler for the others" OFF)
set_property(CACHE KS_CUDA PROPERTY STRINGS AUTO OFF)
function(ks_find_cuda)
  find_program(KS_NVCC nvcc HINTS ENV CUDA_HOME ENV CUDA_PATH PATHS /usr/local/cuda PATH_SUFFIXES bin)
  if(NOT KS_NVCC)
    message(STATUS "CUDA plugin: not built, there is no nvcc")
    return()
  endif()
  file(REAL_PATH ${KS_NVCC} nvcc)
  get_filename_component(toolkit ${nvcc} DIRECTORY)
  get_filename_component(toolkit ${toolkit} DIRECTORY)
  set(places ${toolkit} ${toolkit}/targets/${CMAKE_SYSTEM_PROCESSOR}-linux)
  find_path(CUDA_INCLUDE cuda_runtime_api.h HINTS ${places} PATH_SUFFIXES include)
  find_library(CUDA_RUNTIME libcudart_static.a HINTS ${places} PATH_SUFFIXES lib64 lib)
  if(NOT CUDA_INCLUDE OR NOT CUDA_RUNTIME)
    message(STATUS "CUDA plugin: not built, ${KS_NVCC} has no cuda_runtime_api.h or libcudart_static.a beside it")
    return()
  endif()
  if(NOT DEFINED KS_NVCC_WORKS)
    set(trial ${PROJECT_BINARY_DIR}/generated/trial)
    file(WRITE ${trial}.cu "__global__ void trial(int *out) { out[0] = 1; }\n")
    execute_process(COMMAND ${KS_NVCC} -c ${trial}.cu -o ${trial}.o RESULT_VARIABLE failed OUTPUT_VARIABLE said ERROR_VARIABLE said)
    if(failed)
      message(STATUS "CUDA plugin: not built, nvcc fails: ${said}")
      return()
    endif()
    set(KS_NVCC_WORKS ON CACHE INTERNAL "nvcc compiles")
  endif()
  # Machine code for every architecture of the toolkit from 7.5 on, and the newest as PTX for those after it.
  execute_process(COMMAND ${KS_NVCC} --list-gpu-arch OUTPUT_VARIABLE listed)
  string(REGEX MATCHALL "compute_[0-9]+" listed "${listed}")
  list(TRANSFORM listed REPLACE "compute_" "")
  list(SORT listed COMPARE NATURAL)
  set(code "")
  foreach(number ${listed})
    if(number GREATER_EQUAL 75)
      list(APPEND code "-gencode=arch=compute_${number},code=sm_${number}")
      set(newest ${number})
    endif()
  endforeach()
  list(APPEND code "-gencode=arch=compute_${newest},code=compute_${newest}")
  if(KS_CUDA_FAST)
    set(code "-gencode=arch=compute_90,code=sm_90" "-gencode=arch=compute_75,code=compute_75")
  endif()
  set(KS_CUDA_CODE ${code} PARENT_SCOPE)
endfunction()
if(KS_CUDA STREQUAL "OFF")
  message(STATUS "CUDA plugin: not built, KS_CUDA is OFF")
else()
  ks_find_cuda()
endif()

# ks_cuda_driver(TARGET ROOT): the CUDA driver with the kernels of ROOT, as objects; those of nvcc are in ${TARGET}_kernels.
file(GLOB KS_CUDA_SOURCES CONFIGURE_DEPENDS host/devices/cuda/*.c)
function(ks_cuda_driver target root)
  set(output ${PROJECT_BINARY_DIR}/generated/${target})
  set(source ${PROJECT_SOURCE_DIR}/host/devices/cuda/kernels.cu)
  add_library(${target} OBJECT ${KS_CUDA_SOURCES})
  ks_embed_kernels(${target} ${root})
  target_link_libraries(${target} PRIVATE ks_flags)
  target_include_directories(${target} SYSTEM PRIVATE ${CUDA_INCLUDE})
  file(GLOB texts CONFIGURE_DEPENDS ${root}/kernels/gpu/*)
  # The stubs that hold such statics are addresses to launch by and are never called.
  set(options -std=c++17 -O3 -I${root} -I${PROJECT_SOURCE_DIR} -I${output} --threads=2
      -Xcompiler=-fPIC,-fvisibility=hidden,-fno-threadsafe-statics ${KS_CUDA_CODE})
  if(KS_WERROR)
    list(APPEND options -Werror=all-warnings)
  endif()
  list(JOIN options "|" options)
  add_custom_command(
    OUTPUT ${output}/kernels.o BYPRODUCTS ${output}/kernels.ptxas
    COMMAND ${CMAKE_COMMAND} -DNVCC=${KS_NVCC} -DSOURCE=${source} -DOUTPUT=${output}/kernels.o
            -DREPORT=${output}/kernels.ptxas "-DOPTIONS=${options}" -P ${PROJECT_SOURCE_DIR}/cmake/nvcc.cmake
    DEPENDS ${texts} ${source} ${output}/gpu_kernels.inc ${PROJECT_SOURCE_DIR}/kernels/gpu/port.h
            ${PROJECT_SOURCE_DIR}/cmake/nvcc.cmake
    VERBATIM COMMENT "Compiling the kernels of ${target} with nvcc")
  set(${target}_kernels ${output}/kernels.o PARENT_SCOPE)
endfunction()

# ks_plugin(BACKEND LIBRARY...): the plugin of a backend from objects of the target ks_<backend>.
function(ks_plugin backend)
  set(plugin keystill-${backend})
  add_library(${plugin} MODULE ${KS_GPU_LOGIC} $<TARGET_OBJECTS:ks_${backend}> ${ks_${backend}_kernels})
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
if(KS_CUDA_CODE)
  ks_cuda_driver(ks_cuda ${PROJECT_SOURCE_DIR})
  ks_plugin(cuda ${CUDA_RUNTIME} rt)
endif()
