package io.swav.operatorbench;

import java.util.Locale;

/** What the jobs of one population do. Their names begin with the kind, so that a pod shows what its trainer does. */
enum JobKind {
    /** Suspended since it was created: it never had a pod. */
    SUSPENDED,
    /** Its pods find no node. */
    PENDING,
    /** Its trainers train, and report like real ones. */
    RUNNING,
    /** Its trainers were done as soon as they had a world. */
    ENDED,
    /** Like a pending one; created while the others are watched, to measure how long it waits for its pods. */
    PROBE;

    String job(int number) {
        return String.format(Locale.ROOT, "%s-%05d", name().toLowerCase(Locale.ROOT), number);
    }

    static JobKind of(String job) {
        return valueOf(job.substring(0, job.indexOf('-')).toUpperCase(Locale.ROOT));
    }

    boolean hasNodes() {
        return this == RUNNING || this == ENDED;
    }
}
