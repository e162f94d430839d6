//! Targets that serve only so many requests at once.

use super::{ANSWERS, CLIENTS, Event, ROUND_TRIPS, Run};
use crate::observe::timeline::Socket;
use crate::time::Time;
use crate::traffic::connection::{SYN_RETRIES, Way};
use crate::traffic::fate::Knock;
use crate::traffic::outcome::Witness;
use crate::verdict::{Cause, Verdict};

impl<W: Witness> Run<'_, '_, '_, W> {
    /// The request is on its way to its target.
    #[inline]
    pub(super) fn approach(&mut self, slot: u32, way: Way, now: Time) {
        match way {
            Way::Kept => {
                if self.accept(slot, now, now) {
                    self.serve(slot, now);
                }
            }
            Way::New => self.connect(slot, now),
            Way::Crossing | Way::Lost => {
                let flight = &self.engine.flights[slot];
                let end = match flight.server {
                    Some(server) => {
                        self.around.trouble(&self.engine.targets[usize::from(server)], way, &flight.request)
                    }
                    None => return,
                };
                self.end(slot, end);
            }
        }
    }

    /// A SYN is sent.
    pub(super) fn connect(&mut self, slot: u32, now: Time) {
        let Some(server) = self.engine.flights[slot].server else { return };
        self.refresh(server, now);
        let engine = &mut *self.engine;
        let (flight, found) = (&engine.flights[slot], &engine.targets[usize::from(server)]);
        let (request, limits) = (flight.request, engine.limits);
        let after = now - request.sent;
        let connected = now + limits.round_trip;
        let (concurrency, backlog) = (limits.concurrency[found.revision], limits.backlog[found.revision]);
        let is_full =
            concurrency.is_some_and(|concurrency| engine.servers[usize::from(server)].is_full(concurrency, backlog));
        let end = match found.port.socket {
            Socket::Closed => (Verdict::Alb(Cause::Refused), connected),
            Socket::Silent => match self.around.knock(found, &request, after) {
                Knock::Met(syn, _) => return self.try_again(slot, syn),
                Knock::InVain(end) => end,
            },
            Socket::Serving if is_full => {
                match SYN_RETRIES.into_iter().find(|wait| *wait > after && *wait < limits.connect) {
                    Some(wait) => return self.try_again(slot, request.sent + wait),
                    None => self.around.connect_in_vain(&request),
                }
            }
            Socket::Serving | Socket::Refusing => {
                if self.accept(slot, now, connected) {
                    self.reach(slot, now, connected);
                }
                return;
            }
        };
        let end = self.around.unless_the_client_gives_up(end, &request);
        self.end(slot, end);
    }

    #[inline]
    fn reach(&mut self, slot: u32, now: Time, connected: Time) {
        if connected == now {
            self.serve(slot, now);
        } else {
            self.engine.schedule.queue(ROUND_TRIPS, connected, Event::Reaches(slot));
        }
    }

    /// A lost SYN is sent again, if the client waits for it.
    fn try_again(&mut self, slot: u32, syn: Time) {
        let request = self.engine.flights[slot].request;
        let end = self.around.unless_the_client_gives_up((Verdict::Ok, syn), &request);
        if end.0 == Verdict::Ok {
            self.engine.schedule.push(syn, Event::Syn(slot));
        } else {
            self.end(slot, end);
        }
    }

    /// The port has been met at `now`, and the request will be there at `start`: until when an
    /// answer is in time, and whether the request gets so far at all.
    #[inline]
    fn accept(&mut self, slot: u32, now: Time, start: Time) -> bool {
        let engine = &mut *self.engine;
        let flight = &mut engine.flights[slot];
        let Some(server) = flight.server else { return false };
        let port = &engine.targets[usize::from(server)].port;
        let end = self.around.unanswered(port, start, &flight.request);
        let (verdict, at) = self.around.unless_the_client_gives_up(end, &flight.request);
        flight.end = (verdict, at.max(now));
        flight.refused = port.socket == Socket::Refusing;
        let arrives = at >= start;
        if !arrives {
            self.end(slot, (verdict, at.max(now)));
        }
        arrives
    }

    /// The request is at the server.
    #[inline]
    pub(super) fn serve(&mut self, slot: u32, now: Time) {
        let Some(server) = self.engine.flights[slot].server else { return };
        self.refresh(server, now);
        let engine = &mut *self.engine;
        let flight = &mut engine.flights[slot];
        if flight.refused {
            let answered = now + engine.limits.round_trip;
            let end = if answered <= flight.end.1 { (Verdict::Target(503), answered) } else { flight.end };
            return self.end(slot, end);
        }
        let revision = engine.targets[usize::from(server)].revision;
        let concurrency = engine.limits.concurrency[revision].unwrap_or(u32::MAX);
        let server = &mut engine.servers[usize::from(server)];
        flight.is_held = true;
        flight.life = server.life;
        let is_in_time = server.admit(slot, concurrency) && self.start(slot, now);
        if !is_in_time {
            self.watch(slot);
        }
    }

    /// A worker starts on the request; whether it will be in time.
    #[inline]
    fn start(&mut self, slot: u32, now: Time) -> bool {
        let engine = &mut *self.engine;
        let flight = &mut engine.flights[slot];
        let Some(server) = flight.server else { return true };
        let found = &engine.targets[usize::from(server)];
        let served = now + self.around.work(found, &found.port, now, &flight.request);
        flight.is_in_time = !flight.is_over && served <= flight.end.1;
        engine.schedule.push(served, Event::Served(slot));
        flight.is_in_time
    }

    /// Its end comes unless the server is faster.
    fn watch(&mut self, slot: u32) {
        let engine = &mut *self.engine;
        let flight = &engine.flights[slot];
        let (verdict, at) = flight.end;
        let event = Event::Overdue(slot, flight.ticket);
        match verdict {
            Verdict::Alb(Cause::ClientGaveUp) => engine.schedule.queue(CLIENTS, at, event),
            Verdict::Alb(Cause::ResponseTimeout) => engine.schedule.queue(ANSWERS, at, event),
            _ => engine.schedule.push(at, event),
        }
    }

    /// Nobody waits for the server any more, if it has not answered by now.
    #[inline]
    pub(super) fn overdue(&mut self, slot: u32, ticket: u32, now: Time) {
        let flight = &self.engine.flights[slot];
        if flight.ticket == ticket && !flight.is_over && !flight.is_in_time {
            self.finish(slot, now);
        }
    }

    /// A worker has done its work, unless its process has died.
    #[inline]
    pub(super) fn served(&mut self, slot: u32, now: Time) {
        let Some(server) = self.engine.flights[slot].server else { return };
        self.refresh(server, now);
        let engine = &mut *self.engine;
        let flight = &mut engine.flights[slot];
        flight.is_held = false;
        let next = if flight.life == engine.servers[usize::from(server)].life {
            engine.servers[usize::from(server)].next()
        } else {
            None
        };
        if flight.is_over {
            engine.flights.remove(slot);
        } else if flight.is_in_time {
            flight.end = (Verdict::Ok, now);
            self.finish(slot, now);
        }
        if let Some(next) = next {
            self.start(next, now);
        }
    }
}
