package io.swav.chaos;

import java.util.List;

/**
 * One thing that the storm did.
 *
 * @param way in words, e.g. {@code eviction}
 * @param at when it began, epoch microseconds, taken before the first signal or request
 * @param step 0-based, the newest that a journal told of
 * @param pods those it hit; a resize names none
 * @param replicas wanted after a resize, otherwise 0
 * @param until when an absence ended, epoch microseconds; otherwise {@code at}
 */
record InjectedFault(Kind kind, String way, long at, long step, List<String> pods, int replicas, long until) {
    enum Kind {
        /** SIGKILL to one trainer. */
        KILL(false),
        /** One pod, or the pods of one node, are told to go. */
        NOTICE(true),
        /** SIGSTOP to one trainer, which is never continued. */
        HANG(false),
        RESIZE(true),
        /** A node and everything on it ends, and nobody says so. */
        NODE(false),
        KILL_ALL_BUT_ONE(false),
        /** Nobody holds the state any more: the newest checkpoint goes on. */
        KILL_ALL(false),
        API_AWAY(true),
        OPERATOR_AWAY(true);

        private final boolean notice;

        Kind(boolean notice) {
            this.notice = notice;
        }

        /** Whether nobody may lose a step by it. */
        boolean withNotice() {
            return notice;
        }
    }

    InjectedFault {
        pods = List.copyOf(pods);
    }
}
