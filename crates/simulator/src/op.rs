//! The outside calls, one name each: what faults are drawn for and counted by.

use tamesuke_domain::ports::{Fault, System};

/// What a call does to the world, which decides how it can go wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Nature {
    /// It only looks.
    Read,
    /// It changes something.
    Write,
    /// It removes something, and may claim to have done so.
    Removal,
    /// It hands a mail over.
    Mail,
}

macro_rules! ops {
    ($($name:ident: $system:ident, $nature:ident, $text:literal;)*) => {
        /// An outside call.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
        #[expect(missing_docs, reason = "each name is its own text in the table below")]
        pub enum Op { $($name,)* }

        impl Op {
            /// All of them.
            pub const ALL: &[Self] = &[$(Self::$name,)*];

            /// Who is called.
            pub const fn system(self) -> System {
                match self { $(Self::$name => System::$system,)* }
            }

            /// What it does.
            pub const fn nature(self) -> Nature {
                match self { $(Self::$name => Nature::$nature,)* }
            }

            /// What is tried, as a verb.
            pub const fn text(self) -> &'static str {
                match self { $(Self::$name => $text,)* }
            }
        }
    };
}

ops! {
    ReadPrice: Stripe, Read, "read a price";
    CreateCheckout: Stripe, Write, "create a checkout session";
    ReadCheckout: Stripe, Read, "read a checkout session";
    ListCheckouts: Stripe, Read, "list checkout sessions";
    ListRivals: Stripe, Read, "look for rival sessions";
    ExpireCheckout: Stripe, Write, "expire a checkout session";
    ReadSubscription: Stripe, Read, "read a subscription";
    ListSubscriptions: Stripe, Read, "list subscriptions";
    ListEvents: Stripe, Read, "list events";
    ListDisputes: Stripe, Read, "list open disputes";
    WriteMetadata: Stripe, Write, "write a subscription's metadata";
    WriteCustomer: Stripe, Write, "write a customer's metadata";
    NameCustomer: Stripe, Write, "name a customer";
    SetEnd: Stripe, Write, "set a subscription's end";
    Cancel: Stripe, Write, "cancel a subscription";
    ReadPayment: Stripe, Read, "read a payment";
    Refund: Stripe, Write, "refund a payment";
    ListGuests: Proxmox, Read, "list guests";
    ReadContainer: Proxmox, Read, "read a container";
    StartContainer: Proxmox, Write, "start a container";
    StopContainer: Proxmox, Removal, "stop a container";
    DeleteContainer: Proxmox, Removal, "delete a container";
    ListTunnels: Cloudflare, Read, "list tunnels";
    ReadTunnel: Cloudflare, Read, "read a tunnel";
    DeleteTunnel: Cloudflare, Removal, "delete a tunnel";
    ListRecords: Cloudflare, Read, "list DNS records";
    ReadRecord: Cloudflare, Read, "read a DNS record";
    CreateRecord: Cloudflare, Write, "create a DNS record";
    DeleteRecord: Cloudflare, Removal, "delete a DNS record";
    ReadFile: FileServer, Read, "read a metadata file";
    WriteFile: FileServer, Write, "write a metadata file";
    DeleteFile: FileServer, Removal, "delete a metadata file";
    Probe: Provisioner, Read, "ask a trial's address";
    StartRun: Provisioner, Write, "start a run";
    SendMail: Smtp, Mail, "send a mail";
    Notify: Smtp, Mail, "tell the operator";
}

impl Op {
    /// Its place in tables.
    pub fn index(self) -> usize {
        self as usize
    }

    /// Whether a quiet life is charged for it: the polls and listings of the idle service are not.
    pub fn is_of_a_life(self) -> bool {
        self.system() == System::Stripe
            && !matches!(
                self,
                Self::ListEvents | Self::ListDisputes | Self::ListSubscriptions | Self::ListCheckouts | Self::ReadPrice
            )
    }

    /// A definite no, for good.
    pub fn refused(self, why: &'static str) -> Fault {
        Fault::Refused { system: self.system(), operation: self.text(), cause: why.into() }
    }

    /// A definite no, for now.
    pub fn retryable(self, why: &'static str) -> Fault {
        Fault::Retryable { system: self.system(), operation: self.text(), retry_after: None, cause: why.into() }
    }

    /// No answer: a read can be asked again, of anything else nobody knows whether it happened.
    pub fn unanswered(self, why: &'static str) -> Fault {
        match self.nature() {
            Nature::Read => self.retryable(why),
            Nature::Write | Nature::Removal | Nature::Mail => {
                Fault::Unknown { system: self.system(), operation: self.text(), cause: why.into() }
            }
        }
    }
}
