#include "server/query/candidate_draw.h"

#include <inttypes.h>
#include <math.h>

#define MAX_TRIES 50000000u /* draws a unique batch may be expected to take */

enum status draw_check(const struct sampler *sampler, int64_t n, const char *key,
                       struct error *err) {
    double distinct = 0;
    for (uint32_t id = 0; id < sampler_range(sampler) && distinct < (double)n; id++)
        distinct += sampler_expected_count(sampler, id, (size_t)n, MAX_TRIES);
    if (distinct < (double)n)
        return error_set_key(
            err, STATUS_REFUSED, key,
            "%" PRId64 " different ids would take over %u draws: %.0f can be expected by then", n,
            MAX_TRIES, floor(distinct));
    return STATUS_OK;
}
