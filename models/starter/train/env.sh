# Sourced by run.sh: one thread a process, and an allocator that keeps its pages (torch would return and refault them).
export OMP_NUM_THREADS=1 MALLOC_MMAP_THRESHOLD_=8589934592 MALLOC_TRIM_THRESHOLD_=17179869184 MALLOC_TOP_PAD_=268435456
