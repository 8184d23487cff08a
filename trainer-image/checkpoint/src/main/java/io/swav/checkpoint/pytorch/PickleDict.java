package io.swav.checkpoint.pytorch;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * A dictionary of a pickle. Keys are kept as a list, because a hostile file may have keys that contain each other, whose
 * hash codes would never end.
 */
final class PickleDict {
    private final List<Object> keys = new ArrayList<>(0);
    private final List<Object> values = new ArrayList<>(0);

    void put(Object key, Object value) {
        keys.add(key);
        values.add(value);
    }

    int size() {
        return keys.size();
    }

    /** Returns the values of those keys that are texts; of a key that is given twice, the later value, as in Python. */
    Map<String, Object> texts() {
        Map<String, Object> texts = new LinkedHashMap<>();
        for (int i = 0; i < keys.size(); i++) {
            if (keys.get(i) instanceof String key) {
                texts.put(key, values.get(i));
            }
        }
        return texts;
    }

    Optional<Object> get(String key) {
        return Optional.ofNullable(texts().get(key));
    }

    List<Object> values() {
        return values;
    }
}
