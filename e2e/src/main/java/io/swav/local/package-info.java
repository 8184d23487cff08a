/** The local cluster: a real API server, and a stand-in for kubelets that runs pods as processes. */
@NullMarked
package io.swav.local;

import org.jspecify.annotations.NullMarked;
