//! The page in headless Chromium, driven over the DevTools protocol: keys are real key presses, and assertions read the
//! document and its computed styles.

use std::ffi::OsStr;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use headless_chrome::browser::tab::ModifierKey;
use headless_chrome::protocol::cdp::types::Event;
use headless_chrome::protocol::cdp::{Emulation, Log, Page as Pages};
use headless_chrome::{Browser, LaunchOptions, Tab};
use raceday_stack::wait_until;
use raceday_tests::repository::program;
use serde_json::Value;

/// The longest that a test waits for the page, which reads a race every 15 s in its last minutes and the day every 30 s.
const PATIENCE: Duration = Duration::from_secs(90);

/// The texts whose contrast to their background (WCAG 2.2) is less than 4.5, with that contrast.
const FAINT: &str = "(() => {
    const parse = (colour) => colour.match(/[\\d.]+/g).map(Number);
    const light = (colour) => {
        const [r, g, b] = colour.map((c) => c / 255 <= 0.04045 ? c / 255 / 12.92 : ((c / 255 + 0.055) / 1.055) ** 2.4);
        return 0.2126 * r + 0.7152 * g + 0.0722 * b;
    };
    const ground = (node) => {
        const colour = node ? parse(getComputedStyle(node).backgroundColor) : [255, 255, 255];
        return colour.length === 3 ? colour : colour[3] === 0 ? ground(node.parentElement) : [NaN];
    };
    const texts = [...document.querySelectorAll('body *')].filter((node) => node.checkVisibility() && !node.matches(':disabled, noscript')
        && [...node.childNodes].some((child) => child.nodeType === 3 && child.data.trim()));
    const ratios = texts.map((node) => {
        const [a, b] = [light(parse(getComputedStyle(node).color)), light(ground(node))].sort((x, y) => y - x);
        return [node.textContent, node.className, (a + 0.05) / (b + 0.05)];
    });
    return { texts: texts.length, faint: ratios.filter((ratio) => !(ratio[2] >= 4.5)) };
})()";

/// A tab in its own Chromium, which ends when the tab is dropped.
pub struct Page {
    tab: Arc<Tab>,
    complaints: Arc<Mutex<Vec<String>>>,
    _browser: Browser,
}

impl Page {
    /// Starts Chromium with a window of 1400 × 900 and opens an address.
    pub fn open(url: &str) -> Self {
        let arguments =
            ["--hide-scrollbars", "--disable-quic", "--disable-component-update", "--no-default-browser-check"];
        let options = LaunchOptions::default_builder()
            .path(Some(program("chromium")))
            .sandbox(false)
            .window_size(Some((1400, 900)))
            .idle_browser_timeout(Duration::from_mins(10))
            .args(arguments.map(OsStr::new).to_vec())
            .build()
            .unwrap();
        let browser = Browser::new(options).unwrap();
        let tab = browser.new_tab().unwrap();
        tab.set_default_timeout(PATIENCE);
        let page = Self { tab, complaints: Arc::default(), _browser: browser };
        page.listen();
        page.size(1400, 900);
        page.prefer("light");
        page.tab.navigate_to(url).unwrap().wait_until_navigated().unwrap();
        page
    }

    /// Records what the page's scripts throw and log, and what Chromium reports about the page.
    fn listen(&self) {
        let complaints = Arc::clone(&self.complaints);
        self.tab.enable_log().unwrap();
        self.tab.enable_runtime().unwrap();
        let note = move |event: &Event| {
            let complaint = match event {
                Event::RuntimeExceptionThrown(thrown) => format!("{:?}", thrown.params.exception_details),
                Event::RuntimeConsoleAPICalled(call) => format!("{:?}", call.params.args),
                // Network errors are caused by the tests.
                Event::LogEntryAdded(entry) if entry.params.entry.source != Log::LogEntrySource::Network => {
                    entry.params.entry.text.clone()
                }
                _ => return,
            };
            complaints.lock().unwrap_or_else(PoisonError::into_inner).push(complaint);
        };
        self.tab.add_event_listener(Arc::new(note)).unwrap();
    }

    /// Fails if anything was recorded since the page was opened.
    pub fn assert_no_complaints(&self) {
        let complaints = self.complaints.lock().unwrap_or_else(PoisonError::into_inner);
        assert!(complaints.is_empty(), "the page has errors: {complaints:?}");
    }

    /// Reloads the page.
    pub fn reload(&self) {
        self.tab.reload(false, None).unwrap().wait_until_navigated().unwrap();
    }

    /// Sets the window's inner size in CSS pixels.
    pub fn size(&self, width: u32, height: u32) {
        let metrics = Emulation::SetDeviceMetricsOverride {
            width,
            height,
            device_scale_factor: 1.0,
            mobile: width < 600,
            scale: None,
            screen_width: None,
            screen_height: None,
            position_x: None,
            position_y: None,
            dont_set_visible_size: None,
            screen_orientation: None,
            viewport: None,
            display_feature: None,
            device_posture: None,
        };
        self.tab.call_method(metrics).unwrap();
    }

    /// Sets the system's colour scheme to `light` or `dark`. Motion is always reduced, so that no test reads a colour during a
    /// transition.
    pub fn prefer(&self, scheme: &str) {
        let feature =
            |name: &str, value: &str| Emulation::MediaFeature { name: name.to_owned(), value: value.to_owned() };
        let features = vec![feature("prefers-color-scheme", scheme), feature("prefers-reduced-motion", "reduce")];
        self.tab.call_method(Emulation::SetEmulatedMedia { media: None, features: Some(features) }).unwrap();
    }

    /// Presses and releases a key, by its name in `KeyboardEvent.key`.
    pub fn press(&self, key: &str) {
        self.tab.press_key(key).unwrap();
    }

    /// Moves the mouse onto an element.
    pub fn hover(&self, selector: &str) {
        self.tab.find_element(selector).unwrap().move_mouse_over().unwrap();
    }

    /// Presses a key with Shift held.
    pub fn press_with_shift(&self, key: &str) {
        self.tab.press_key_with_modifiers(key, Some(&[ModifierKey::Shift])).unwrap();
    }

    /// The value of an expression in the page.
    pub fn value(&self, expression: &str) -> Value {
        let found = self.tab.evaluate(&format!("JSON.stringify({expression})"), true).unwrap();
        match found.value {
            Some(Value::String(json)) => serde_json::from_str(&json).unwrap(),
            _ => panic!("{expression}: {:?}", found.description),
        }
    }

    /// [`value`](Self::value), as text.
    pub fn text(&self, expression: &str) -> String {
        match self.value(expression) {
            Value::String(text) => text,
            other => panic!("{expression} is {other}"),
        }
    }

    /// Waits until an expression in the page is true.
    pub fn wait(&self, expression: &str) {
        let is_true = || Ok(self.value(&format!("Boolean({expression})")) == Value::Bool(true));
        wait_until(expression, PATIENCE, is_true)
            .unwrap_or_else(|error| panic!("{error}; the page: {}", self.text("document.body.innerText")));
    }

    /// Fails if a text has too little contrast to its background. Returns how many texts there are.
    pub fn assert_contrast(&self) -> u64 {
        let found = self.value(FAINT);
        assert_eq!(found["faint"], Value::Array(Vec::new()));
        found["texts"].as_u64().unwrap()
    }

    /// The document as it is now.
    pub fn dom(&self) -> String {
        self.text("document.documentElement.outerHTML")
    }

    /// A picture of what the window shows, as PNG.
    pub fn photograph(&self) -> Vec<u8> {
        self.tab.capture_screenshot(Pages::CaptureScreenshotFormatOption::Png, None, None, true).unwrap()
    }

    /// Saves a picture in the folder that `RACEDAY_PICTURES` names, for a person to look at.
    pub fn show(&self, name: &str) {
        if let Some(folder) = std::env::var_os("RACEDAY_PICTURES") {
            std::fs::write(Path::new(&folder).join(format!("{name}.png")), self.photograph()).unwrap();
        }
    }
}
