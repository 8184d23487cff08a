package io.swav.checkpoint.pytorch;

import io.swav.api.Shown;
import io.swav.checkpoint.pytorch.PickleGlobals.TensorRef;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Collections;
import java.util.Deque;
import java.util.IdentityHashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;

/**
 * The dictionary of weights in what was saved, which may be all of it or one entry beside others.
 *
 * @param at the keys that lead to it, joined by dots; empty for all of it
 * @param tensors by name
 * @param beside what else was saved, for messages
 */
record StateDict(String at, Map<String, TensorRef> tensors, List<String> beside) {
    /** Where weights are, in the order in which they are looked for: the teacher is what DINO evaluates. */
    private static final List<String> KEYS = List.of(
            "state_dict",
            "model",
            "model_state_dict",
            "state_dict_ema",
            "teacher",
            "student",
            "network",
            "net",
            "weights");

    /** The entries that messages name. */
    private static final int NAMED = 20;

    /**
     * Finds the weights.
     *
     * @param key the keys that lead to them, joined by dots; empty to look for them
     * @throws PyTorchFileException if there are none, or several that have equal claims
     */
    static StateDict find(Object object, Optional<String> key) throws PyTorchFileException {
        if (!(object instanceof PickleDict dict)) {
            throw new PyTorchFileException("it holds no dictionary of weights: save model.state_dict()");
        }
        return key.isPresent() ? at(dict, key.get()) : find(dict);
    }

    private static StateDict at(PickleDict dict, String path) throws PyTorchFileException {
        PickleDict at = dict;
        PickleDict above = dict;
        String last = "";
        for (String part : path.split("\\.", -1)) {
            if (!(at.get(part).orElse(PickleReader.None.NONE) instanceof PickleDict inner)) {
                throw new PyTorchFileException(
                        "it has no dictionary " + Shown.of(path) + "; it holds " + beside(at, ""));
            }
            above = at;
            at = inner;
            last = part;
        }
        return of(path, at, beside(above, last));
    }

    private static StateDict find(PickleDict dict) throws PyTorchFileException {
        Map<String, PickleDict> candidates = new LinkedHashMap<>();
        Set<Object> without = Collections.newSetFromMap(new IdentityHashMap<>()); // one may stand there a million times
        dict.texts().forEach((key, value) -> {
            if (value instanceof PickleDict inner && !without.contains(inner)) {
                if (hasTensors(inner)) {
                    candidates.put(key, inner);
                } else {
                    without.add(inner);
                }
            }
        });
        Optional<String> known = KEYS.stream().filter(candidates::containsKey).findFirst();
        if (known.isEmpty() && hasTensors(dict)) {
            return of("", dict, beside(dict, ""));
        }
        Set<String> keys = candidates.keySet();
        String chosen = known.orElse(keys.size() == 1 ? keys.iterator().next() : "");
        PickleDict inner = candidates.get(chosen);
        if (inner == null) {
            throw new PyTorchFileException("where its weights are is not clear: it holds " + beside(dict, "")
                    + "; name the dictionary with --key, for example --key model.backbone");
        }
        return of(chosen, inner, beside(dict, chosen));
    }

    private static boolean hasTensors(PickleDict dict) {
        return dict.values().stream().anyMatch(TensorRef.class::isInstance);
    }

    private static StateDict of(String at, PickleDict dict, List<String> beside) {
        return new StateDict(at, tensors(dict), beside);
    }

    private static Map<String, TensorRef> tensors(PickleDict dict) {
        Map<String, TensorRef> tensors = new LinkedHashMap<>();
        dict.texts().forEach((name, value) -> {
            if (value instanceof TensorRef tensor) {
                tensors.put(name, tensor);
            }
        });
        return tensors;
    }

    /** Returns the entries but one that are no tensors themselves, the first few with the number of tensors in them. */
    private static List<String> beside(PickleDict dict, String except) {
        Map<String, Object> others = new LinkedHashMap<>(dict.texts());
        others.remove(except);
        others.values().removeIf(value -> except.isEmpty() && value instanceof TensorRef);
        List<String> beside = new ArrayList<>();
        others.forEach((key, value) -> {
            if (beside.size() < NAMED) {
                long tensors = count(value);
                String counted = tensors == 0 ? "" : " (" + tensors + (tensors == 1 ? " tensor)" : " tensors)");
                beside.add(Shown.of(key) + counted);
            }
        });
        if (others.size() > NAMED) {
            beside.add(others.size() - NAMED + " more");
        }
        return beside;
    }

    /** Counts the tensors of a value, each object once: it may contain itself. */
    private static long count(Object value) {
        long tensors = 0;
        Set<Object> seen = Collections.newSetFromMap(new IdentityHashMap<>());
        Deque<Object> open = new ArrayDeque<>(List.of(value));
        while (!open.isEmpty()) {
            Object next = open.pop();
            if (!seen.add(next)) {
                continue;
            }
            if (next instanceof TensorRef) {
                tensors++;
            } else if (next instanceof PickleDict dict) {
                open.addAll(dict.values());
            } else if (next instanceof List<?> list) {
                open.addAll(list);
            } else if (next instanceof PickleReader.Tuple tuple) {
                open.addAll(tuple.items());
            }
        }
        return tensors;
    }
}
