package io.swav.membership;

import java.util.PriorityQueue;
import java.util.Random;

/**
 * The simulated time of a run: a queue of events in one thread, and the random numbers of every choice, from one seed. A
 * tick is about a millisecond.
 */
final class ModelTime {
    private record Event(long time, long number, Runnable what) implements Comparable<Event> {
        @Override
        public int compareTo(Event other) {
            return time != other.time ? Long.compare(time, other.time) : Long.compare(number, other.number);
        }
    }

    final Random random;
    private final PriorityQueue<Event> events = new PriorityQueue<>();
    private long now;
    private long number;

    ModelTime(long seed) {
        this.random = new Random(seed);
    }

    long now() {
        return now;
    }

    void at(long time, Runnable what) {
        events.add(new Event(time, number++, what));
    }

    void after(long ticks, Runnable what) {
        at(now + ticks, what);
    }

    void runUntil(long end) {
        while (!events.isEmpty() && now < end) {
            Event next = events.remove();
            now = next.time();
            next.what().run();
        }
    }
}
