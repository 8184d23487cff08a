package io.swav.collective;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
import io.swav.collective.Collective.Transfer;
import io.swav.torch.TensorMemory;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.function.BinaryOperator;
import java.util.function.IntConsumer;
import java.util.stream.IntStream;
import java.util.stream.Stream;

/**
 * Sums over groups along one fixed binary tree, so that the bits of the result do not depend on how the groups are
 * assigned to ranks.
 *
 * <p>Node (level l, index i) covers the groups [i·2^l, min((i+1)·2^l, G)); its value is the value of its left child
 * plus the value of its right child, or the left child's alone if the right one covers no group. A rank's range of
 * groups consists of a few whole subtrees. To complete the sum, the ranks exchange chunks of their subtrees' sums
 * all-to-all, the owner of each chunk adds them in tree order, and the finished chunks are gathered. If the ranges are
 * aligned with the tree, this moves as many bytes as a ring.
 */
public final class TreeSum {
    /** Largest size of one rank's chunk in a slice: the larger it is, the less often ranks wait for each other. */
    private static final int CHUNK_BYTES = 4 << 20;
    /** Largest total of the chunks that arrive from all other ranks; no limit in practice at 4 ranks. */
    private static final int ARRIVING_BYTES = 32 << 20;
    /** Up to this size of all subtrees' sums, every rank sends all of its sums to all others: one hop, not two. */
    private static final int DIRECT_BYTES = 256 << 10;

    private TreeSum() {}

    private record Node<T>(int level, int index, T value) {}

    /** Appends a node and merges the subtrees that it completes; nodes must come in ascending order of groups. */
    private static <T> void push(List<Node<T>> stack, Node<T> node, int groups, BinaryOperator<T> plus) {
        Node<T> top = node;
        while ((1L << top.level()) < groups) {
            int last = stack.size() - 1;
            if (top.index() % 2 == 1) {
                boolean sibling = last >= 0
                        && stack.get(last).level() == top.level()
                        && stack.get(last).index() == top.index() - 1;
                if (!sibling) {
                    break;
                }
                T sum = plus.apply(stack.remove(last).value(), top.value());
                top = new Node<>(top.level() + 1, top.index() / 2, sum);
            } else if ((top.index() + 1L) << top.level() >= groups) {
                top = new Node<>(top.level() + 1, top.index() / 2, top.value());
            } else {
                break;
            }
        }
        stack.add(top);
    }

    /** Returns the subtrees that a range consists of, ascending. */
    private static List<Node<Integer>> subtrees(int groups, GroupRange range) {
        List<Node<Integer>> stack = new ArrayList<>();
        for (int group = range.from(); group < range.to(); group++) {
            push(stack, new Node<>(0, group, 0), groups, (left, right) -> left);
        }
        return stack;
    }

    /** One rank's part of a sum. It takes the groups of its range in ascending order, one flat array each. */
    public static final class Accumulator {
        private final int groups;
        private final GroupRange range;
        private final List<Node<NDArray>> stack = new ArrayList<>();
        private int next;

        public Accumulator(int groups, GroupRange range) {
            if (range.count() == 0 || range.to() > groups) {
                throw new IllegalArgumentException(range + " is not a range of " + groups + " groups");
            }
            this.groups = groups;
            this.range = range;
            this.next = range.from();
        }

        /**
         * Adds the values of a group. At most log2(groups) + 1 arrays are alive at a time.
         *
         * @param flat (N) FLOAT32 or FLOAT64, contiguous; owned from here on: it is added into or closed
         */
        public void add(int group, NDArray flat) {
            if (group != next || group >= range.to()) {
                throw new IllegalStateException(
                        "group " + group + " was added, but group " + next + " of " + range + " was expected");
            }
            next++;
            push(stack, new Node<>(0, group, flat), groups, (left, right) -> {
                left.addi(right);
                right.close();
                return left;
            });
        }

        /**
         * Takes the last groups of the range before their values have been computed; no group can be added after them.
         *
         * @param flats as in {@link #add}, one for each group
         */
        public StreamingAccumulator last(List<NDArray> flats) {
            if (flats.isEmpty() || next != range.to() - flats.size()) {
                throw new IllegalStateException(
                        "group " + next + " of " + range + " was expected, not the last " + flats.size());
            }
            List<Node<NDArray>> open = new ArrayList<>();
            for (NDArray flat : flats) {
                open.add(new Node<>(0, next++, flat));
            }
            return new StreamingAccumulator(groups, range, List.copyOf(stack), List.copyOf(open));
        }

        /**
         * Completes the sum over all groups of all ranks, with the same bits on each.
         *
         * @param ranges every rank's range, in rank order; together they are all groups
         * @return (N), one of the arrays that were added
         */
        public NDArray reduce(Collective collective, GroupRange[] ranges) {
            check(groups, range, next, collective, ranges);
            List<NDArray> mine = stack.stream().map(Node::value).toList();
            new Reduce(collective, groups, List.of(ranges), mine)
                    .run(new ElementRange(0, mine.get(0).size()));
            mine.stream().skip(1).forEach(NDArray::close);
            stack.clear();
            return mine.get(0);
        }
    }

    private static void check(int groups, GroupRange range, int next, Collective collective, GroupRange[] ranges) {
        int covered = 0;
        for (GroupRange of : ranges) {
            covered = of.from() == covered ? of.to() : -1;
        }
        if (next != range.to()
                || covered != groups
                || ranges.length != collective.size()
                || !ranges[collective.rank()].equals(range)) {
            throw new IllegalStateException(range + " of rank " + collective.rank() + ", summed up to " + next
                    + ", does not fit " + Arrays.toString(ranges) + " of " + collective.size() + " ranks over " + groups
                    + " groups");
        }
    }

    /**
     * One rank's part of a sum whose last groups are still being computed. Each element range of these groups is added and
     * reduced as soon as it is available, in any order. The bits are those of {@link Accumulator#reduce}.
     */
    public static final class StreamingAccumulator {
        private final int groups;
        private final GroupRange range;
        private final List<Node<NDArray>> before;
        private final List<Node<NDArray>> last;
        /** Arrays that will hold the sums of this rank's subtrees, ascending. */
        private final List<NDArray> mine;

        private StreamingAccumulator(
                int groups, GroupRange range, List<Node<NDArray>> before, List<Node<NDArray>> last) {
            this.groups = groups;
            this.range = range;
            this.before = before;
            this.last = last;
            List<Node<NDArray>> stack = new ArrayList<>(before);
            last.forEach(node -> push(stack, node, groups, (left, right) -> left));
            this.mine = stack.stream().map(Node::value).toList();
        }

        /** Adds elements [from, to) of the last groups to this rank's own sums. */
        public void add(long from, long to) {
            List<Node<TensorMemory.Part>> stack = new ArrayList<>();
            before.forEach(node -> stack.add(part(node, from, to)));
            last.forEach(node -> push(stack, part(node, from, to), groups, (left, right) -> {
                TensorMemory.add(left, left, right);
                return left;
            }));
        }

        private static Node<TensorMemory.Part> part(Node<NDArray> of, long from, long to) {
            return new Node<>(of.level(), of.index(), new TensorMemory.Part(of.value(), from, to - from));
        }

        /**
         * Sums elements [from, to) over all ranks, as {@link Accumulator#reduce} does; {@link #add} must have been
         * called for the same elements.
         */
        public void reduce(Collective collective, GroupRange[] ranges, long from, long to) {
            check(groups, range, range.to(), collective, ranges);
            new Reduce(collective, groups, List.of(ranges), mine).run(new ElementRange(from, to));
        }

        /** Returns the array that holds the sum, one of those that were added. */
        public NDArray result() {
            return mine.get(0);
        }

        /** Frees all arrays except {@link #result}; called after the last element range. */
        public void close() {
            Stream.concat(before.stream(), last.stream())
                    .map(Node::value)
                    .filter(array -> array != result())
                    .forEach(NDArray::close);
        }
    }

    /** Exchanges element ranges of the subtrees' sums; the total replaces the first of {@code mine}. */
    private record Reduce(Collective collective, int groups, List<GroupRange> ranges, List<NDArray> mine) {
        void run(ElementRange all) {
            if (collective.size() == 1) {
                return;
            }
            NDArray result = mine.get(0);
            long elements = all.to() - all.from();
            int width = result.getDataType().getNumOfBytes();
            int subtrees = ranges.stream()
                    .mapToInt(range -> subtrees(groups, range).size())
                    .sum();
            boolean direct = elements * width * subtrees <= DIRECT_BYTES;
            int others = subtrees - mine.size();
            long most = Math.min(CHUNK_BYTES, ARRIVING_BYTES / others) / width;
            long chunk = direct ? elements : Math.min(elements / collective.size() + 1, most);
            try (NDManager scope = result.getManager().newSubManager()) {
                NDArray arrivals = scope.create(new Shape(chunk * others), result.getDataType(), result.getDevice());
                if (direct) {
                    everywhere(all, arrivals);
                } else {
                    sliceBySlice(all, chunk * collective.size(), arrivals);
                }
            }
        }

        /** Sends every subtree's sum to every rank, each of which adds all of them. */
        private void everywhere(ElementRange all, NDArray arrivals) {
            List<Transfer> sends = new ArrayList<>();
            forOthers(peer -> mine.forEach(sum -> all.of(sum, peer, sends)));
            List<Transfer> receives = new ArrayList<>();
            List<Node<TensorMemory.Part>> parts = parts(all, arrivals, receives);
            collective.exchange(sends, receives);
            add(parts);
        }

        /**
         * Sends each rank its chunk of every subtree's sum; the rank adds them and sends the total to all. The totals of
         * one slice travel together with the subtrees of the next, so that ranks wait for each other once per slice.
         */
        private void sliceBySlice(ElementRange all, long slice, NDArray arrivals) {
            NDArray result = mine.get(0);
            int size = collective.size();
            ElementRange added = new ElementRange(all.from(), all.from());
            while (added.from() < all.to()) {
                ElementRange finished = added;
                ElementRange next = new ElementRange(added.to(), Math.min(added.to() + slice, all.to()));
                List<Transfer> sends = new ArrayList<>();
                List<Transfer> receives = new ArrayList<>();
                forOthers(peer -> {
                    finished.part(collective.rank(), size).of(result, peer, sends);
                    finished.part(peer, size).of(result, peer, receives);
                    mine.forEach(sum -> next.part(peer, size).of(sum, peer, sends));
                });
                List<Node<TensorMemory.Part>> parts = parts(next.part(collective.rank(), size), arrivals, receives);
                collective.exchange(sends, receives);
                add(parts);
                added = next;
            }
        }

        private void forOthers(IntConsumer action) {
            IntStream.range(0, collective.size())
                    .filter(peer -> peer != collective.rank())
                    .forEach(action);
        }

        /**
         * Returns the same elements of every subtree's sum, in order: this rank's in place, the others' in
         * {@code arrivals}.
         */
        private List<Node<TensorMemory.Part>> parts(ElementRange span, NDArray arrivals, List<Transfer> receives) {
            List<Node<TensorMemory.Part>> parts = new ArrayList<>();
            long count = span.to() - span.from();
            long at = 0;
            for (int peer = 0; peer < collective.size(); peer++) {
                int nth = 0;
                for (Node<Integer> subtree : subtrees(groups, ranges.get(peer))) {
                    TensorMemory.Part part;
                    if (peer == collective.rank()) {
                        part = new TensorMemory.Part(mine.get(nth++), span.from(), count);
                    } else {
                        part = new TensorMemory.Part(arrivals, at, count);
                        new ElementRange(at, at + count).of(arrivals, peer, receives);
                        at += count;
                    }
                    parts.add(new Node<>(subtree.level(), subtree.index(), part));
                }
            }
            return parts;
        }

        /** Adds in tree order. A sum is written into the operand that is part of the result, if one of them is. */
        private void add(List<Node<TensorMemory.Part>> parts) {
            List<Node<TensorMemory.Part>> stack = new ArrayList<>();
            for (Node<TensorMemory.Part> part : parts) {
                push(stack, part, groups, (left, right) -> {
                    TensorMemory.Part into = right.flat() == mine.get(0) ? right : left;
                    TensorMemory.add(into, left, right);
                    return into;
                });
            }
        }
    }
}
