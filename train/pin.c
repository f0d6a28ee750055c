/* Binding by OpenMP: the team of threads outlives a parallel region (as libgomp's and libomp's do),
 * so binding it once is enough. */
#include "train/pin.h"

#include <omp.h>

enum status trainer_pin(struct trainer *trainer, struct error *err) {
    if (!trainer->settings->pin_threads)
        return STATUS_OK;
    enum status status = machine_cpus_create(&trainer->cpus, err);
    if (status != STATUS_OK)
        return status;
#pragma omp parallel num_threads(trainer->threads)
    {
        struct error why = {0};
        enum status failed = machine_pin_thread(trainer->cpus, omp_get_thread_num(), &why);
        /* trainer_pin guards `status` and `err`: several threads may fail at once. */
        if (failed != STATUS_OK)
#pragma omp critical(trainer_pin)
            status = error_set(err, failed, "%s", why.text);
    }
    return status;
}

void trainer_unpin(struct trainer *trainer) {
    if (!trainer->cpus)
        return;
#pragma omp parallel num_threads(trainer->threads)
    {
        struct error why = {0};
        /* a CPU taken away meanwhile: the thread stays where it is */
        status_ignore(machine_unpin_thread(trainer->cpus, &why));
    }
    machine_cpus_free(trainer->cpus);
    trainer->cpus = NULL;
}
