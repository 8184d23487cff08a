/** The local cluster: a real API server, a kubelet stand-in that runs pods as processes, and the people's commands. */
@NullMarked
package io.swav.local;

import org.jspecify.annotations.NullMarked;
