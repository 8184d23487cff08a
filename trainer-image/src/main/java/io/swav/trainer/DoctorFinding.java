package io.swav.trainer;

import com.fasterxml.jackson.annotation.JsonInclude;
import com.fasterxml.jackson.annotation.JsonProperty;
import org.jspecify.annotations.Nullable;

/**
 * One thing that {@code swav doctor} looked at.
 *
 * @param what it is
 * @param found in words
 * @param advice what is wrong with it and what to do; null for {@link Grade#Good}
 */
@JsonInclude(JsonInclude.Include.NON_NULL)
record DoctorFinding(
        String what, Grade grade, String found, @Nullable String advice) {
    /** How bad it is. */
    enum Grade {
        @JsonProperty("good")
        Good,
        /** Training runs, but not as well as it could. */
        @JsonProperty("mind")
        Mind,
        /** Training cannot run. */
        @JsonProperty("bad")
        Bad
    }

    static DoctorFinding good(String what, String found) {
        return new DoctorFinding(what, Grade.Good, found, null);
    }

    static DoctorFinding mind(String what, String found, String advice) {
        return new DoctorFinding(what, Grade.Mind, found, advice);
    }

    static DoctorFinding bad(String what, String found, String advice) {
        return new DoctorFinding(what, Grade.Bad, found, advice);
    }
}
