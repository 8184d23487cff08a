package io.swav.membership;

import java.util.HashMap;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** The states that the trainers of a run reach, and the newest one that is stored. */
final class ModelStates {
    /** A chain of steps. The same step from the same state in the same world yields the same object. */
    static final class History {
        final long id;
        final long step;
        final @Nullable History before;

        private History(long id, long step, @Nullable History before) {
            this.id = id;
            this.step = step;
            this.before = before;
        }
    }

    private final Map<String, History> children = new HashMap<>();
    private History stored = new History(0, 0, null);
    private long storedIn;

    /** Returns the state one step later, made in this generation. */
    History after(History state, long generation) {
        return children.computeIfAbsent(
                state.id + "/" + generation, key -> new History(children.size() + 1, state.step + 1, state));
    }

    History stored() {
        return stored;
    }

    /** Stores the state, unless a later generation has stored one. */
    void store(History state, long generation) {
        if (generation >= storedIn) {
            storedIn = generation;
            stored = state;
        }
    }
}
