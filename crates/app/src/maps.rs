//! Maps drawn on screen: widgets over plain data, without knowledge of the worker.
