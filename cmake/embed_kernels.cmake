# cmake -DPORT=port.h -DKERNELS=folder -DOUTPUT=dir -P embed_kernels.cmake
# The kernels of a folder, alphabetically: OUTPUT/gpu_source.c holds port.h and their text for compilers at run time,
# OUTPUT/gpu_kernels.inc includes them for nvcc. Kernels include "kernels/gpu/port.h" and "kernels/gpu/NAME.inc", nothing else.
file(GLOB kernels ${KERNELS}/*.cl)
list(SORT kernels)
file(READ ${PORT} text)
set(includes "")
foreach(kernel ${kernels})
  get_filename_component(name ${kernel} NAME)
  file(READ ${kernel} body)
  string(REPLACE "#include \"kernels/gpu/port.h\"" "" body "${body}")
  while(body MATCHES "#include \"kernels/gpu/([a-z_0-9]+\\.inc)\"")
    set(line "${CMAKE_MATCH_0}")
    file(READ ${KERNELS}/${CMAKE_MATCH_1} part)
    string(REPLACE "${line}" "${part}" body "${body}")
  endwhile()
  if(body MATCHES "#[ \t]*include[^\n]*")
    message(FATAL_ERROR "${kernel}: ${CMAKE_MATCH_0}: a kernel includes port.h and files of its own folder")
  endif()
  string(APPEND text "#line 1 \"${name}\"\n${body}\n")
  string(APPEND includes "#include \"${kernel}\"\n")
endforeach()
file(WRITE ${OUTPUT}/gpu_kernels.inc "${includes}")
file(WRITE ${OUTPUT}/gpu_source.txt "${text}")
file(READ ${OUTPUT}/gpu_source.txt bytes HEX)
string(REGEX REPLACE "(................................)" "\\1\n" bytes "${bytes}")
string(REGEX REPLACE "([0-9a-f][0-9a-f])" "0x\\1," bytes "${bytes}")
file(WRITE ${OUTPUT}/gpu_source.c "/* Made by cmake/embed_kernels.cmake. */
#include <stddef.h>
extern const char ks_gpu_source[];
extern const size_t ks_gpu_source_bytes;
const char ks_gpu_source[] = {
${bytes}0};
const size_t ks_gpu_source_bytes = sizeof ks_gpu_source - 1;
")
