/* The one exported function that is not public: the way in for the Python extensions. */
#include "api/private.h"

#include "platform/float16.h"

static const fa__private_functions functions = {
    .n_entries = FA__ENTRIES,
    .entries = fa__entries,
    .arities = fa__arities,
    .execute = fa__execute,
    .execute_1d = fa__execute_1d,
    .execute_contiguous = fa__execute_contiguous,
    .round_to_float32 = fa__round_to_float32,
    .round_to_float16 = fa__round_to_float16,
    .get_thread_limits = fa__get_thread_limits,
    .openmp_runtime = fa__openmp_runtime,
    .limit_threads = fa__limit_threads,
    .thread_limit = fa__thread_limit,
    .parallel_for = fa__parallel_for,
    .dense = &fa__dense_entries,
    .rowwise = &fa__rowwise_functions_for_python,
    .training = &fa__training_functions_for_python,
    .health = &fa__health_functions_for_python,
    .quantized = &fa__quantized_functions_for_python,
};

const fa__private_functions *fa__private(int version, size_t size) {
    return version == FA_VERSION && size == sizeof functions ? &functions : 0;
}
