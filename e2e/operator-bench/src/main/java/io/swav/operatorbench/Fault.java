package io.swav.operatorbench;

/** What can happen to a request between the operator and the API server. */
enum Fault {
    /** 409, without the write having been done: an object of that kind is being changed by something else. */
    CONFLICT,
    /** 410 for a watch: its resource version is too old. */
    GONE,
    /** 429 with {@code Retry-After: 1}, as API priority and fairness responds under load. */
    TOO_MANY_REQUESTS,
    /** 500, without the request having been served. */
    SERVER_ERROR,
    /** 504, after the request has been served: the server was too slow to know. */
    GATEWAY_TIMEOUT,
    /** The connection is reset before the request is served. */
    RESET,
    /** Nothing is answered; the connection ends after a while. */
    HANG,
    /** The request is served, and the connection ends instead of the answer. */
    ANSWER_LOST,
    /** The watch ends after a few seconds without a word. */
    CUT,
    /** The watch stays open, and nothing passes: a firewall has forgotten the connection. */
    FROZEN
}
