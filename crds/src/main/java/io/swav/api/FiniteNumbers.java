package io.swav.api;

import java.lang.reflect.RecordComponent;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Requires every number with a fraction in a tree of records to be finite. YAML has NaN and infinity, for which every
 * comparison with a bound is false or useless. Training computes in 32-bit floats, in which a number such as 1e300 is
 * infinite too.
 */
final class FiniteNumbers {
    private FiniteNumbers() {}

    /** Returns a message for each number that is not finite as a 32-bit float, with its field. */
    static List<String> problems(String field, @Nullable Object value) {
        List<String> problems = new ArrayList<>();
        collect(field, value, problems);
        return problems;
    }

    private static void collect(String field, @Nullable Object value, List<String> problems) {
        if (value instanceof Double number && !Float.isFinite(number.floatValue())) {
            problems.add(field + " is " + number + ", must be a finite number that a 32-bit float can hold");
        } else if (value instanceof List<?> list) {
            for (int i = 0; i < list.size(); i++) {
                collect(field + "[" + i + "]", list.get(i), problems);
            }
        } else if (value instanceof Record) {
            for (RecordComponent component : value.getClass().getRecordComponents()) {
                collect(field + "." + component.getName(), read(component, value), problems);
            }
        }
    }

    private static @Nullable Object read(RecordComponent component, Object record) {
        try {
            return component.getAccessor().invoke(record);
        } catch (ReflectiveOperationException e) {
            throw new IllegalStateException("cannot read " + component + " of " + record.getClass(), e);
        }
    }
}
