//! What a caller wants an event to contain.

/// The `with_*` switches of an event; all off by default, as in the vendor's API.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
#[expect(clippy::struct_excessive_bools, reason = "they are switches")]
pub struct Switches {
    /// Has no effect.
    pub present_overlay: bool,
    /// Big bets.
    pub with_big_bets: bool,
    /// The biggest bet.
    pub with_biggest_bet: bool,
    /// Recent bets.
    pub with_live_bets: bool,
    /// Money tracker.
    pub with_money_tracker: bool,
    /// Investments per runner, as XML.
    pub with_tote_trends_data: bool,
    /// What a quadrella would pay.
    pub with_will_pays: bool,
    /// A kind of bet to omit.
    pub bet_type_filter: Option<String>,
}

impl Switches {
    /// What Raceday requests: money tracker, tote trends and will pays.
    #[must_use]
    pub fn raceday() -> Self {
        Self { with_money_tracker: true, with_tote_trends_data: true, with_will_pays: true, ..Self::default() }
    }

    /// Parses a query and ignores unknown names.
    ///
    /// # Errors
    /// The name and value of a switch that is neither true nor false.
    pub fn parse<'a>(query: impl Iterator<Item = (&'a str, &'a str)>) -> Result<Self, (String, String)> {
        let mut switches = Self::default();
        for (name, value) in query {
            let switch = match name {
                "present_overlay" => &mut switches.present_overlay,
                "with_big_bets" => &mut switches.with_big_bets,
                "with_biggest_bet" => &mut switches.with_biggest_bet,
                "with_live_bets" => &mut switches.with_live_bets,
                "with_money_tracker" => &mut switches.with_money_tracker,
                "with_tote_trends_data" => &mut switches.with_tote_trends_data,
                "with_will_pays" => &mut switches.with_will_pays,
                "bet_type_filter" => {
                    switches.bet_type_filter = Some(value.to_owned());
                    continue;
                }
                _ => continue,
            };
            *switch = match value {
                "true" | "1" => true,
                "false" | "0" | "" => false,
                _ => return Err((name.to_owned(), value.to_owned())),
            };
        }
        Ok(switches)
    }

    /// The switches as the vendor echoes them in the header's `url`.
    #[must_use]
    pub fn query(&self) -> String {
        format!(
            "enc=json&present_overlay={}&with_big_bets={}&with_biggest_bet={}&with_live_bets={}&with_money_tracker={}\
             &with_tote_trends_data={}&with_will_pays={}",
            self.present_overlay,
            self.with_big_bets,
            self.with_biggest_bet,
            self.with_live_bets,
            self.with_money_tracker,
            self.with_tote_trends_data,
            self.with_will_pays
        )
    }

    /// Whether any list of bets is wanted.
    #[must_use]
    pub const fn wants_bets(&self) -> bool {
        self.with_big_bets || self.with_biggest_bet || self.with_live_bets
    }
}
