//! AWS: the load balancer controller, the target group, and the nodes of the load balancer.

pub mod alb_node;
pub mod health_check;
pub mod lbc;
pub mod target;
pub mod target_group;
