@NullMarked
package io.swav.collective.nccl;

import org.jspecify.annotations.NullMarked;
