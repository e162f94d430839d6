//! AWS: the load balancer controller, the target group, and the nodes of the load balancer.
//!
//! Left for later, and nowhere pretended: several target groups behind one pod.

pub mod alb_node;
pub mod health_check;
pub mod lbc;
pub mod target;
pub mod target_group;
