package io.swav.trainer;

import com.fasterxml.jackson.annotation.JsonInclude;
import com.fasterxml.jackson.annotation.JsonProperty;
import org.jspecify.annotations.Nullable;

/**
 * One thing that {@code swav doctor} checked.
 *
 * @param what was checked
 * @param found the result, in words
 * @param advice what is wrong with it and what to do; null for {@link Grade#Good}
 */
@JsonInclude(JsonInclude.Include.NON_NULL)
record DoctorFinding(
        String what, Grade grade, String found, @Nullable String advice) {
    /** The severity of a finding. */
    enum Grade {
        @JsonProperty("good")
        Good,
        /** Training runs, but not as well as it could. */
        @JsonProperty("mind")
        Warning,
        /** Training cannot run. */
        @JsonProperty("bad")
        Bad
    }

    static DoctorFinding good(String what, String found) {
        return new DoctorFinding(what, Grade.Good, found, null);
    }

    static DoctorFinding warning(String what, String found, String advice) {
        return new DoctorFinding(what, Grade.Warning, found, advice);
    }

    static DoctorFinding bad(String what, String found, String advice) {
        return new DoctorFinding(what, Grade.Bad, found, advice);
    }
}
