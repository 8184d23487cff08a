package io.swav.checkpoint.pytorch;

import io.swav.api.Shown;
import java.io.IOException;
import java.math.BigInteger;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * Reads a pickle, protocols 0 to 5 (Python's documentation of {@code pickletools} describes the format). A pickle is a
 * program for a machine with a stack; this machine makes texts, numbers, lists, tuples and dictionaries, and hands every
 * name of a class or function to {@link PickleGlobals}, which knows a few and runs nothing. What weights do not need, such
 * as bytes and sets, becomes an {@link Inert}.
 *
 * <p>Memory is bounded by {@link #MAX_OPERATIONS} and {@link PickleInput#MAX_BYTES}. Nothing here is recursive, so values
 * may be nested as deeply, and as circularly, as they like.
 */
final class PickleReader {
    /** More operations than the description of any weights has: ResNet-50 with its optimizer has 30,000. */
    static final int MAX_OPERATIONS = 2_000_000;

    private static final int LARGEST_INTEGER = 255;

    /** Python's None. */
    enum None {
        NONE
    }

    /** A tuple. */
    record Tuple(List<Object> items) {}

    /** A value that is of no use here; {@code what} names its kind. */
    record Inert(String what) {}

    private final PickleInput in;
    private final PickleGlobals globals;
    private final List<Object> stack = new ArrayList<>();
    private final Deque<Integer> marks = new ArrayDeque<>();
    private final Map<Long, Object> memo = new HashMap<>();

    PickleReader(PickleInput in, PickleGlobals globals) {
        this.in = in;
        this.globals = globals;
    }

    /**
     * Reads one pickle up to its end.
     *
     * @throws PyTorchFileException if it is damaged, too large, or names what is not known
     * @throws IOException if it cannot be read
     */
    Object read() throws IOException {
        for (int operations = 0; operations < MAX_OPERATIONS; operations++) {
            int code = in.next();
            if (code == '.') {
                return pop();
            }
            if (!scalar(code) && !container(code) && !object(code)) {
                throw new PyTorchFileException("its pickle has the operation 0x" + Integer.toHexString(code)
                        + " at byte " + (in.position() - 1) + ", which torch.save does not write");
            }
        }
        throw new PyTorchFileException(
                "its pickle has more than " + MAX_OPERATIONS + " operations, which no description of weights has");
    }

    private boolean scalar(int code) throws IOException {
        switch (code) {
            case 'N' -> push(None.NONE);
            case 0x88 -> push(true);
            case 0x89 -> push(false);
            case 'J' -> push((long) (int) in.number(4));
            case 'K' -> push(in.number(1));
            case 'M' -> push(in.number(2));
            case 0x8a -> push(integer(in.number(1)));
            case 0x8b -> push(integer(in.number(4)));
            case 'I', 'L' -> push(integer(in.line()));
            case 'G' -> push(Double.longBitsToDouble(Long.reverseBytes(in.number(8))));
            case 'F' -> {
                in.line();
                push(new Inert("number"));
            }
            case 'X' -> push(in.text(in.number(4)));
            case 0x8c -> push(in.text(in.number(1)));
            case 0x8d -> push(in.text(in.number(8)));
            case 'V' -> push(in.line());
            case 'S' -> push(unquoted(in.line()));
            case 'U' -> push(in.text(in.number(1))); // the texts of Python 2
            case 'T' -> push(in.text(in.number(4)));
            case 'C' -> bytes(in.number(1));
            case 'B' -> bytes(in.number(4));
            case 0x8e, 0x96 -> bytes(in.number(8));
            default -> {
                return false;
            }
        }
        return true;
    }

    private boolean container(int code) throws IOException {
        switch (code) {
            case '(' -> marks.push(stack.size());
            case ')' -> push(new Tuple(List.of()));
            case 0x85 -> push(new Tuple(pop(1)));
            case 0x86 -> push(new Tuple(pop(2)));
            case 0x87 -> push(new Tuple(pop(3)));
            case 't' -> push(new Tuple(popToMark()));
            case ']' -> push(new ArrayList<>(0));
            case 'l' -> push(popToMark());
            case 'a' -> append(pop(1));
            case 'e', 0x90 -> append(popToMark());
            case '}' -> push(new PickleDict());
            case 'd' -> {
                List<Object> items = popToMark();
                push(new PickleDict());
                set(items);
            }
            case 's' -> set(pop(2));
            case 'u' -> set(popToMark());
            case 0x8f -> push(new Inert("set"));
            case 0x91 -> {
                popToMark();
                push(new Inert("set"));
            }
            default -> {
                return false;
            }
        }
        return true;
    }

    private boolean object(int code) throws IOException {
        switch (code) {
            case 0x80 -> in.number(1);
            case 0x95 -> in.number(8); // a frame says how much can be read at once
            case '0' -> pop();
            case '1' -> popToMark();
            case '2' -> push(top());
            case 'c' -> push(globals.find(in.line(), in.line()));
            case 0x93 -> {
                List<Object> names = pop(2);
                if (!(names.get(0) instanceof String module && names.get(1) instanceof String name)) {
                    throw damaged();
                }
                push(globals.find(module, name));
            }
            case 'R', 0x81 -> {
                List<Object> call = pop(2);
                push(globals.call(call.get(0), arguments(call.get(1))));
            }
            case 0x92 -> {
                List<Object> call = pop(3);
                push(globals.call(call.get(0), arguments(call.get(1))));
            }
            case 'b' -> pop(); // attributes of an object: those of an OrderedDict are the versions of modules
            case 'Q' -> push(globals.persistent(pop()));
            case 'p' -> memo.put(index(in.line()), top());
            case 'q' -> memo.put(in.number(1), top());
            case 'r' -> memo.put(in.number(4), top());
            case 0x94 -> memo.put((long) memo.size(), top());
            case 'g' -> push(remembered(index(in.line())));
            case 'h' -> push(remembered(in.number(1)));
            case 'j' -> push(remembered(in.number(4)));
            default -> {
                return false;
            }
        }
        return true;
    }

    private void bytes(long length) throws IOException {
        in.skip(length);
        push(new Inert("bytes"));
    }

    private Object integer(long bytes) throws IOException {
        if (bytes > LARGEST_INTEGER) {
            in.skip(bytes);
            return new Inert("number");
        }
        byte[] little = in.bytes(bytes);
        byte[] big = new byte[little.length + 1]; // never empty
        for (int i = 0; i < little.length; i++) {
            big[big.length - 1 - i] = little[i];
        }
        big[0] = (byte) (little.length > 0 && little[little.length - 1] < 0 ? -1 : 0);
        return narrowed(new BigInteger(big));
    }

    private static Object integer(String line) throws PyTorchFileException {
        if (line.equals("00") || line.equals("01")) {
            return line.equals("01");
        }
        try {
            String digits = line.endsWith("L") ? line.substring(0, line.length() - 1) : line;
            return narrowed(new BigInteger(digits));
        } catch (NumberFormatException e) {
            throw damaged();
        }
    }

    private static Object narrowed(BigInteger value) {
        return value.bitLength() < Long.SIZE ? (Object) value.longValue() : value;
    }

    private static long index(String line) throws PyTorchFileException {
        if (integer(line) instanceof Long index) {
            return index;
        }
        throw damaged();
    }

    /** Returns a quoted text; one with escapes is none of a name, and stays as it is. */
    private static String unquoted(String line) {
        return line.length() >= 2 ? line.substring(1, line.length() - 1) : line;
    }

    private static List<Object> arguments(Object value) throws PyTorchFileException {
        if (value instanceof Tuple tuple) {
            return tuple.items();
        }
        throw damaged();
    }

    private void append(List<Object> items) throws PyTorchFileException {
        Object list = top();
        if (list instanceof List<?>) {
            @SuppressWarnings("unchecked")
            List<Object> values = (List<Object>) list;
            values.addAll(items);
        } else if (!(list instanceof Inert)) {
            throw damaged();
        }
    }

    private void set(List<Object> items) throws PyTorchFileException {
        Object into = top();
        if (into instanceof PickleDict dict && items.size() % 2 == 0) {
            for (int i = 0; i < items.size(); i += 2) {
                dict.put(items.get(i), items.get(i + 1));
            }
        } else if (!(into instanceof Inert)) {
            throw damaged();
        }
    }

    private Object remembered(long index) throws PyTorchFileException {
        @Nullable Object value = memo.get(index);
        if (value == null) {
            throw damaged();
        }
        return value;
    }

    private void push(Object value) {
        stack.add(value);
    }

    private Object top() throws PyTorchFileException {
        requireValues(1);
        return stack.get(stack.size() - 1);
    }

    private Object pop() throws PyTorchFileException {
        requireValues(1);
        return stack.remove(stack.size() - 1);
    }

    private List<Object> pop(int count) throws PyTorchFileException {
        requireValues(count);
        return popFrom(stack.size() - count);
    }

    private List<Object> popToMark() throws PyTorchFileException {
        Integer mark = marks.poll();
        if (mark == null || mark > stack.size()) {
            throw damaged();
        }
        return popFrom(mark);
    }

    private List<Object> popFrom(int first) {
        List<Object> top = stack.subList(first, stack.size());
        List<Object> popped = new ArrayList<>(top);
        top.clear();
        return popped;
    }

    private void requireValues(int count) throws PyTorchFileException {
        Integer mark = marks.peek();
        if (stack.size() - (mark == null ? 0 : mark) < count) {
            throw damaged();
        }
    }

    static PyTorchFileException damaged() {
        return new PyTorchFileException("its pickle is damaged");
    }

    /** Returns how a message names a value. */
    static String kind(Object value) {
        return value instanceof Inert inert
                ? Shown.of(inert.what())
                : value.getClass().getSimpleName();
    }
}
