package io.swav.collective;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.index.NDIndex;
import io.swav.collective.Collective.Transfer;
import io.swav.tensor.Memory;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.function.BinaryOperator;

/**
 * Sums over groups along one fixed binary tree, so that the bits do not depend on how the groups are spread over ranks.
 *
 * <p>Node (level l, index i) covers the groups [i·2^l, min((i+1)·2^l, G)); its value is the value of its left child
 * plus that of its right child, or the left one's alone where the right one covers no group. A rank's run of groups is
 * a few whole subtrees. To finish, ranks exchange chunks of their subtrees' sums all-to-all, the owner of a chunk adds
 * them in tree order, and the finished chunks are gathered: the bytes of a ring where runs are aligned.
 */
public final class TreeSum {
    /** Elements of one rank's chunk in a slice; bounds the scratch memory. */
    private static final int CHUNK = 256 << 10;
    /** Up to here, bytes of all subtrees, everyone sends everything to everyone: one hop instead of two. */
    private static final int DIRECT_BYTES = 256 << 10;

    private TreeSum() {}

    private record Node<T>(int level, int index, T value) {}

    /** Appends a node and merges whatever that completes; nodes must come in ascending order of groups. */
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

    /** The subtrees that a run consists of, ascending. */
    private static List<Node<Integer>> subtrees(int groups, Run run) {
        List<Node<Integer>> stack = new ArrayList<>();
        for (int group = run.from(); group < run.to(); group++) {
            push(stack, new Node<>(0, group, 0), groups, (left, right) -> left);
        }
        return stack;
    }

    /** One rank's part of a sum: takes the groups of its run in ascending order, one flat array each. */
    public static final class Local {
        private final int groups;
        private final Run run;
        private final List<Node<NDArray>> stack = new ArrayList<>();
        private int next;

        public Local(int groups, Run run) {
            if (run.count() == 0 || run.to() > groups) {
                throw new IllegalArgumentException(run + " is no part of " + groups + " groups");
            }
            this.groups = groups;
            this.run = run;
            this.next = run.from();
        }

        /**
         * Adds a group's values. At most log2(groups) + 1 arrays are alive at a time.
         *
         * @param flat (N) FLOAT32 or FLOAT64, contiguous; taken over: it is added into, or closed
         */
        public void add(int group, NDArray flat) {
            if (group != next || group >= run.to()) {
                throw new IllegalStateException("group " + group + " added where " + next + " of " + run + " was due");
            }
            next++;
            push(stack, new Node<>(0, group, flat), groups, (left, right) -> {
                left.addi(right);
                right.close();
                return left;
            });
        }

        /** The sum over this rank's groups alone, one of the arrays that were added. */
        public NDArray own() {
            NDArray result = stack.get(0).value();
            stack.stream().skip(1).forEach(node -> {
                result.addi(node.value());
                node.value().close();
            });
            stack.clear();
            return result;
        }

        /**
         * The sum over all groups of all ranks, the same bits on each.
         *
         * @param runs every rank's run, in rank order, together all groups
         * @return (N), one of the arrays that were added
         */
        public NDArray reduce(Collective collective, Run[] runs) {
            int covered = 0;
            for (Run of : runs) {
                covered = of.from() == covered ? of.to() : -1;
            }
            if (next != run.to()
                    || covered != groups
                    || runs.length != collective.size()
                    || !runs[collective.rank()].equals(run)) {
                throw new IllegalStateException(run + " of rank " + collective.rank() + ", summed up to " + next
                        + ", does not fit " + Arrays.toString(runs) + " of " + collective.size() + " ranks over "
                        + groups
                        + " groups");
            }
            NDArray result = stack.get(0).value();
            if (collective.size() > 1) {
                new Reduce(
                                collective,
                                groups,
                                List.of(runs),
                                stack.stream().map(Node::value).toList(),
                                result)
                        .run();
            }
            stack.stream().skip(1).forEach(node -> node.value().close());
            stack.clear();
            return result;
        }
    }

    /** The exchange of subtrees' sums; slice by slice the total replaces {@code result}, this rank's first subtree. */
    private record Reduce(Collective collective, int groups, List<Run> runs, List<NDArray> mine, NDArray result) {
        void run() {
            long elements = result.size();
            long subtrees = 0;
            for (Run run : runs) {
                subtrees += subtrees(groups, run).size();
            }
            int bytes = result.getDataType().getNumOfBytes();
            if (elements * bytes * subtrees <= DIRECT_BYTES) {
                everywhere();
                return;
            }
            long slice = (long) CHUNK * collective.size();
            for (long from = 0; from < elements; from += slice) {
                slice(from, Math.min(elements, from + slice));
            }
        }

        /** Every rank gets every subtree and adds all of them. */
        private void everywhere() {
            List<Transfer> sends = new ArrayList<>();
            for (int peer = 0; peer < collective.size(); peer++) {
                if (peer != collective.rank()) {
                    for (NDArray sum : mine) {
                        sends.add(new Transfer(peer, sum));
                    }
                }
            }
            gatherAndAdd(sends, mine);
        }

        /** Each rank gets its chunk of every subtree within [from, to), adds, and gives the total to all. */
        private void slice(long from, long to) {
            int size = collective.size();
            int rank = collective.rank();
            List<NDArray> views = new ArrayList<>();
            List<Transfer> sends = new ArrayList<>();
            for (int peer = 0; peer < size; peer++) {
                if (peer != rank) {
                    for (NDArray sum : mine) {
                        NDArray view = chunk(sum, from, to, peer);
                        views.add(view);
                        sends.add(new Transfer(peer, view));
                    }
                }
            }
            List<NDArray> own =
                    mine.stream().map(sum -> chunk(sum, from, to, rank)).toList();
            views.addAll(own);
            gatherAndAdd(sends, own);
            List<Transfer> totals = new ArrayList<>();
            List<Transfer> others = new ArrayList<>();
            for (int peer = 0; peer < size; peer++) {
                if (peer != rank) {
                    totals.add(new Transfer(peer, own.get(0)));
                    NDArray view = chunk(result, from, to, peer);
                    views.add(view);
                    others.add(new Transfer(peer, view));
                }
            }
            collective.exchange(totals, others);
            views.forEach(NDArray::close);
        }

        private NDArray chunk(NDArray flat, long from, long to, int rank) {
            long first = from + (to - from) * rank / collective.size();
            long last = from + (to - from) * (rank + 1) / collective.size();
            return flat.get(new NDIndex(first + ":" + last));
        }

        /** Sends, receives the same part of every other subtree, adds all in tree order: the total lands in own[0]. */
        private void gatherAndAdd(List<Transfer> sends, List<NDArray> own) {
            try (NDManager scope = result.getManager().newSubManager()) {
                List<Transfer> receives = new ArrayList<>();
                List<Node<NDArray>> parts = new ArrayList<>();
                for (int peer = 0; peer < collective.size(); peer++) {
                    int ofPeer = 0;
                    for (Node<Integer> subtree : subtrees(groups, runs.get(peer))) {
                        NDArray part;
                        if (peer == collective.rank()) {
                            part = own.get(ofPeer++);
                        } else {
                            part = scope.create(own.get(0).getShape(), result.getDataType());
                            receives.add(new Transfer(peer, part));
                        }
                        parts.add(new Node<>(subtree.level(), subtree.index(), part));
                    }
                }
                collective.exchange(sends, receives);
                List<Node<NDArray>> stack = new ArrayList<>();
                for (Node<NDArray> part : parts) {
                    push(stack, part, groups, NDArray::addi);
                }
                NDArray total = stack.get(0).value();
                if (total != own.get(0)) {
                    // not copyTo: DJL's gives the target a storage of its own, so a view would leave its array
                    Memory.view(own.get(0)).put(Memory.view(total));
                }
            }
        }
    }
}
