package io.swav.planner;

/**
 * Describes the template of the spec, and how pods that were made from another one may be replaced.
 *
 * @param revision its digest; empty if it cannot be used, so that no pod is replaced
 * @param rolling whether pods that run are replaced, too
 * @param paused whether that is paused
 * @param oneMore whether one more pod than wanted may run while pods are replaced
 * @param noRoom whether the last pod could not be created for lack of room, such as a quota
 * @param resumable whether the trainers could all leave, save the state and resume from it
 */
public record WantedTemplate(
        String revision, boolean rolling, boolean paused, boolean oneMore, boolean noRoom, boolean resumable) {
    public static final WantedTemplate NONE = new WantedTemplate("", false, false, false, false, false);

    boolean isUsable() {
        return !revision.isEmpty();
    }
}
