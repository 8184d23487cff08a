package io.swav.membership;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.swav.api.World;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Keeps the newest world offered. A document of another job, an older generation, or one that cannot be read changes
 * nothing: the reader of a document must survive whatever is in it.
 */
final class LatestWorld {
    private static final Logger LOG = LoggerFactory.getLogger(LatestWorld.class);
    private static final ObjectMapper JSON = new ObjectMapper();

    private final String job;
    private World newest;
    private String unreadable = "";

    /** @param job uid of the SwavJob; empty takes any job's */
    LatestWorld(String job) {
        this.job = job;
        this.newest = World.none(job);
    }

    synchronized World get() {
        return newest;
    }

    synchronized void await(long than, long millis) {
        long end = System.nanoTime() + millis * 1_000_000;
        while (newest.generation() <= than) {
            long left = (end - System.nanoTime()) / 1_000_000;
            if (left <= 0) {
                return;
            }
            try {
                wait(left);
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
                return;
            }
        }
    }

    void offer(String json, String where) {
        @Nullable World world;
        try {
            world = JSON.readValue(json, World.class);
        } catch (JsonProcessingException e) {
            complain(json, where + " holds no world: " + e.getOriginalMessage());
            return;
        }
        if (world == null) {
            complain(json, where + " holds no world: null");
            return;
        }
        if (!job.isEmpty() && !job.equals(world.job())) {
            complain(json, where + " is the world of job " + world.job() + ", this trainer belongs to " + job);
            return;
        }
        if (offer(world)) {
            LOG.info("world {} of {} members: {}", world.generation(), world.size(), world.why());
        }
    }

    /** Whether this one is newer. */
    synchronized boolean offer(World world) {
        if (world.generation() <= newest.generation()) {
            return false;
        }
        newest = world;
        notifyAll();
        return true;
    }

    private synchronized void complain(String json, String problem) {
        if (!json.equals(unreadable)) {
            unreadable = json;
            LOG.warn("{}", problem);
        }
    }
}
