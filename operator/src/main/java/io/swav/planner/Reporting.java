package io.swav.planner;

/** Says whether the trainers of a job are able to report, as the operator has found out at the API server. */
public sealed interface Reporting {
    /** The operator has not checked, because some trainer that holds the training state reports. */
    record Unchecked() implements Reporting {}

    /** Account, role and map of the trainers are as they must be, and the API server answers. */
    record Possible() implements Reporting {}

    /**
     * Trainers cannot report, or the operator cannot find out.
     *
     * @param why a sentence for people: what is wrong, what it means for the job, and what to do
     */
    record Blocked(String why) implements Reporting {}

    Reporting UNCHECKED = new Unchecked();
    Reporting POSSIBLE = new Possible();
}
