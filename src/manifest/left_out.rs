//! Objects of which there is no forecast, each with its reason.

use super::annotation::ACTIONS;
use super::controller::Controller;
use super::draft::{Draft, Notice};
use super::entrance::Door;
use super::exposure::{self, Exposed};
use super::facts::Exposure;
use super::import;
use super::network::{Backend, Ingress, Service};
use super::objects::Objects;
use super::other_workload::OtherWorkload;
use super::source::At;
use super::workload::{Deployment, Metadata, Port};
use super::{Dangling, LeftOut};
use crate::error::Error;

/// What to say of a workload that no way leads to.
const NOTHING: &str = "nothing in these files leads requests of a load balancer to it";

/// A Deployment that has nothing to replace, or whose pods another controller replaces.
pub(super) fn of_deployment(objects: &Objects, deployment: &Deployment) -> Option<LeftOut> {
    let object = format!("Deployment {}", deployment.metadata.called());
    let is_meant = |other: &&OtherWorkload| {
        other.deployment.as_ref() == Some(&deployment.metadata.name.value)
            && super::entrance::together(&other.metadata, &deployment.metadata)
    };
    if let Some(other) = objects.other_workloads.iter().find(is_meant) {
        let why = format!(
            "{} {} rolls its pods out: {}",
            other.kind,
            other.metadata.called(),
            other.reason()
        );
        return Some(LeftOut {
            object,
            place: deployment.place.clone(),
            why,
            is_open: true,
        });
    }
    let none = deployment
        .replicas
        .as_ref()
        .filter(|replicas| replicas.value == 0)?;
    let why = "it has 0 replicas: nothing to replace".to_owned();
    Some(LeftOut {
        object,
        place: none.place.clone(),
        why,
        is_open: false,
    })
}

/// A Deployment behind something that is not modelled.
pub(super) fn of_draft(draft: &Draft) -> Option<LeftOut> {
    let (place, why) = match (&draft.facts.exposure, &draft.facts.unmodelled) {
        (Exposure::Other(way), _) => (&way.place, way.words.clone()),
        (Exposure::Alb(route), Some(what)) => (&what.place, format!("{route}: {}", what.words)),
        _ => return None,
    };
    Some(LeftOut {
        object: draft.facts.names.object(),
        place: place.clone(),
        why,
        is_open: true,
    })
}

/// A Deployment that no ALB is seen to lead to.
pub(super) fn unseen(draft: &Draft) -> LeftOut {
    const HINT: &str = "--assume-alb forecasts it as if an ALB did";
    let (place, why, is_open) = match &draft.facts.exposure {
        Exposure::Unseen(way) => (&way.place, format!("{}; {HINT}", way.words), true),
        _ => (&draft.place, format!("{NOTHING}; {HINT}"), false),
    };
    LeftOut {
        object: draft.facts.names.object(),
        place: place.clone(),
        why,
        is_open,
    }
}
/// A workload that is not rolled out as a Deployment is.
pub(super) fn of_other(
    objects: &Objects,
    workload: &OtherWorkload,
) -> Result<Option<LeftOut>, Error> {
    if workload.deployment.is_some() {
        // Its Deployment says so.
        return Ok(None);
    }
    let object = format!("{} {}", workload.kind, workload.metadata.called());
    let services = exposure::services(objects, &workload.metadata, &workload.labels);
    let short = format!("{} {}", workload.kind, workload.metadata.name.value);
    let called =
        |target: Option<&Port>| exposure::workload_and_port(&short, target, std::iter::empty());
    let (why, is_open) = match exposure::decide(exposure::ways(objects, &services)) {
        Exposed::Alb(entrances, _) => {
            let target = entrances[0].service_port().map(|port| &port.target.value);
            (
                format!(
                    "{}: {}",
                    import::alb_route(&entrances[0], &called(target))?,
                    workload.reason()
                ),
                true,
            )
        }
        Exposed::Not(way) => (
            format!(
                "{} → {}: {}",
                way.route(),
                called(way.target()),
                way.why_not()
            ),
            true,
        ),
        Exposed::Nothing => match &workload.ingress {
            Some(ingress) => (
                format!("it routes through Ingress {ingress}: {}", workload.reason()),
                true,
            ),
            None => (NOTHING.to_owned(), false),
        },
    };
    Ok(Some(LeftOut {
        object,
        place: workload.place.clone(),
        why,
        is_open,
    }))
}

/// What an ALB leads to, as far as that is nowhere or nowhere in these files.
pub(super) fn leads(objects: &Objects, left_out: &mut Vec<LeftOut>, dangling: &mut Vec<Dangling>) {
    let mut seen: Vec<&Service> = Vec::new();
    for door in exposure::doors(objects) {
        if let Door::Ingress(ingress, _) = door
            && may_be_alb(&door.controller(objects, None))
        {
            // Argo writes the annotation itself, with the weights of the moment.
            let of_rollout = objects
                .other_workloads
                .iter()
                .filter_map(|other| other.ingress.as_ref());
            if !of_rollout
                .into_iter()
                .any(|name| *name == ingress.metadata.name.value)
            {
                dangling.extend(ingress.missing_actions.iter().map(missing_action(ingress)));
            }
        }
        for backend in door.backends() {
            let metadata = door.metadata();
            let found = objects
                .services
                .iter()
                .find(|service| exposure::names(metadata, backend, service));
            let lead = format!("{} {}", door.kind(), metadata.called());
            let open = |why: String| LeftOut {
                object: lead.clone(),
                place: backend.service.place.clone(),
                why,
                is_open: true,
            };
            let Some(service) = found else {
                if may_be_alb(&door.controller(objects, None)) {
                    let name = &backend.service.value;
                    left_out.push(open(format!(
                        "it leads to Service `{name}`, which is not among the files"
                    )));
                }
                continue;
            };
            if seen.iter().any(|known| std::ptr::eq(*known, service))
                || !may_be_alb(&door.controller(objects, Some(service)))
                || is_selected(objects, service)
            {
                continue;
            }
            seen.push(service);
            match nowhere(objects, &lead, backend, service) {
                Ok(notice) => {
                    dangling.push(Dangling {
                        object: format!("Service {}", service.metadata.called()),
                        notice,
                    });
                }
                Err(why) => left_out.push(open(why)),
            }
        }
    }
}

/// A backend that names an action which no annotation has: the controller makes no rule of it, nor of any other.
fn missing_action(ingress: &Ingress) -> impl Fn(&At<String>) -> Dangling + '_ {
    move |name| {
        let object = format!("Ingress {}", ingress.metadata.called());
        let words = format!(
            "{object} names the action `{}`, and has no annotation {ACTIONS}{}: the controller refuses the whole Ingress",
            name.value, name.value
        );
        Dangling {
            object,
            notice: Notice {
                place: name.place.clone(),
                words,
            },
        }
    }
}

const fn may_be_alb(controller: &Controller) -> bool {
    matches!(controller, Controller::Alb(_))
}

fn is_selected(objects: &Objects, service: &Service) -> bool {
    let meets = |metadata: &Metadata| super::entrance::together(metadata, &service.metadata);
    let of_deployment = |deployment: &Deployment| {
        meets(&deployment.metadata) && service.selects(&deployment.template.labels)
    };
    let of_other = |other: &OtherWorkload| meets(&other.metadata) && service.selects(&other.labels);
    objects.deployments.iter().any(of_deployment) || objects.other_workloads.iter().any(of_other)
}

/// A Service that selects nothing here: what its author most likely meant, or why nothing can be said.
fn nowhere(
    objects: &Objects,
    lead: &str,
    backend: &Backend,
    service: &Service,
) -> Result<Notice, String> {
    let name = &service.metadata.name.value;
    if let Some(kind) = service
        .kind
        .as_ref()
        .filter(|kind| kind.value == "ExternalName")
    {
        let words = format!(
            "{lead} leads to Service {name} ({}), which is of type ExternalName: it has no pods that could be targets, \
             and the controller refuses it",
            backend.service.place
        );
        return Ok(Notice {
            place: kind.place.clone(),
            words,
        });
    }
    let Some(selector) = service.selector.values().next() else {
        return Err(format!(
            "it leads to Service `{name}`, which has no selector: its endpoints are not in these files"
        ));
    };
    let wanted = words(
        service
            .selector
            .iter()
            .map(|(key, label)| (key, &label.value)),
    );
    let Some(deployment) = likely(objects, service) else {
        return Err(format!(
            "it leads to Service `{name}`, which selects {wanted}: no pods of these files have these labels"
        ));
    };
    let labels = words(
        deployment
            .template
            .labels
            .iter()
            .map(|(key, label)| (key, &label.value)),
    );
    let place = deployment
        .template
        .labels
        .values()
        .next()
        .map_or(&deployment.place, |label| &label.place);
    let words = format!(
        "{lead} leads to Service {name} ({}), which selects {wanted}, and no pods here have these labels; those of \
         Deployment {} have {labels} ({place}): the ALB has no target and answers 503",
        backend.service.place,
        deployment.metadata.called(),
    );
    Ok(Notice {
        place: selector.place.clone(),
        words,
    })
}

/// The Deployment that a Service most likely means: of the same name, or with most of its labels, or the only one that
/// no Service selects.
fn likely<'a>(objects: &'a Objects, service: &Service) -> Option<&'a Deployment> {
    let here = || {
        objects
            .deployments
            .iter()
            .filter(|deployment| super::entrance::together(&deployment.metadata, &service.metadata))
    };
    let shared = |deployment: &Deployment| {
        let same = service.selector.iter().filter(|(key, wanted)| {
            deployment
                .template
                .labels
                .get(*key)
                .is_some_and(|label| label.value == wanted.value)
        });
        same.count()
    };
    let same_name =
        here().find(|deployment| deployment.metadata.name.value == service.metadata.name.value);
    let alike = || {
        here()
            .filter(|deployment| shared(deployment) > 0)
            .max_by_key(|deployment| shared(deployment))
    };
    let unselected = || {
        let mut free = here().filter(|deployment| {
            exposure::services(objects, &deployment.metadata, &deployment.template.labels)
                .is_empty()
        });
        free.next().filter(|_| free.next().is_none())
    };
    same_name.or_else(alike).or_else(unselected)
}

/// `app: web, tier: front`
fn words<'a>(labels: impl Iterator<Item = (&'a String, &'a String)>) -> String {
    let all: Vec<String> = labels
        .map(|(key, value)| format!("`{key}: {value}`"))
        .collect();
    if all.is_empty() {
        "no labels".to_owned()
    } else {
        all.join(", ")
    }
}
