# cmake -DNVCC=nvcc -DSOURCE=kernels.cu -DOUTPUT=kernels.o -DREPORT=file -DOPTIONS="a|b" -P nvcc.cmake
# Compiles kernels and keeps what ptxas says of each (registers, shared memory, spills); a kernel that spills is named.
string(REPLACE "|" ";" OPTIONS "${OPTIONS}")
execute_process(COMMAND ${NVCC} ${OPTIONS} -Xptxas -v -c ${SOURCE} -o ${OUTPUT}
  RESULT_VARIABLE failed OUTPUT_VARIABLE out ERROR_VARIABLE report)
file(WRITE ${REPORT} "${out}${report}")
if(failed)
  message(FATAL_ERROR "${out}${report}")
endif()
if(report MATCHES "warning")
  message("${report}")
endif()
string(REGEX MATCHALL "Compiling entry function '[a-z_0-9A-Z]+' for 'sm_[0-9a-z]+'[^']*[1-9][0-9]* bytes spill" spills "${report}")
foreach(spill ${spills})
  string(REGEX REPLACE "Compiling entry function '([^']+)' for '([^']+)'.* ([0-9]+) bytes spill" "\\1 spills on \\2: \\3 bytes" spill "${spill}")
  message("nvcc: ${spill}")
endforeach()
