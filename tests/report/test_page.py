import json
import re
import shutil
from html.parser import HTMLParser

import numpy as np
import pytest
import torch

from gain_plugin.report import write_report
from gain_plugin.report.page import gallery
from gain_plugin.report.records import Records
from gain_plugin.report.runs import read_runs

EVIL = '</script><img src=x onerror=alert(1)> $x_1$ "dog"'
PHOTOS = 60


def leave_run(folder, shift=0, masks=True, logs=True):
    """A work directory: a photo's first columns are its class, the map is off by a number of columns of its own."""
    records = Records(['cat', EVIL])
    for index in range(PHOTOS):
        maps, mask = torch.zeros(1, 8, 16), torch.zeros(8, 16, dtype=torch.long)
        mask[:, :6] = index % 2 + 1
        off = (index + shift) % 7
        maps[0, :, off : off + 6] = 1
        photo = np.full((8, 16, 3), index, np.uint8)
        name = f'photos/{EVIL} {index}.jpg'
        records.add(name, photo, torch.tensor([index % 2]), maps, torch.tensor([0.9, 0.2]), mask if masks else None)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / 'report.json').write_text(json.dumps(records.content({'mAP': 91.25, 'AP_cat': 90.0})))
    if logs:
        leave_log(folder, '20260101_000000', [(10, {'loss': 0.5, 'gain/coverage': 0.3}), (20, {'mAP': float('nan')})])
    return folder


def leave_log(folder, start, entries):
    (folder / start / 'vis_data').mkdir(parents=True)
    lines = [json.dumps({**values, 'step': step}) for step, values in entries]
    (folder / start / 'vis_data' / 'scalars.json').write_text('\n'.join(lines) + '\n')


class Page(HTMLParser):
    """Checks that elements close in order and collects ids, sources and text."""

    def __init__(self, text):
        super().__init__()
        self.open, self.ids, self.sources, self.words, self.tags = [], [], [], '', []
        self.feed(text)
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        if tag not in ('meta', 'link', 'img', 'input'):
            self.open.append(tag)
        self.ids += [value for name, value in attrs if name == 'id']
        self.sources += [value for name, value in attrs if name in ('src', 'href', 'xlink:href')]

    def handle_startendtag(self, tag, attrs):
        self.handle_starttag(tag, attrs)
        if tag not in ('meta', 'link', 'img', 'input'):
            self.open.pop()

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open and self.open[-1] not in ('script', 'style'):
            self.words += data


@pytest.fixture(scope='module')
def report(tmp_path_factory):
    folder = tmp_path_factory.mktemp('report')
    write_report([leave_run(folder / 'plain'), leave_run(folder / f'<b>{"guided"}', 3)], folder / 'new' / 'page.html')
    return folder / 'new' / 'page.html'


def test_the_page_is_sound_and_needs_nothing_else(report):
    page = Page(report.read_text())
    assert all(source.startswith(('#', 'data:')) for source in page.sources)
    assert not re.search(r'@import|url\((?!#)', report.read_text())
    wanted = {'figures', 'training', 'photos', 'controls', 'cards', 'status', 'data'}
    assert wanted <= set(page.ids)
    assert all(page.ids.count(name) == 1 for name in wanted)
    assert 'seed mIoU' in page.words and '91.2' in page.words
    assert page.tags.count('svg') == 5  # three over the thresholds, loss and coverage


def test_names_are_text_and_never_code(report):
    page = Page(report.read_text())
    assert '<b>guided' in page.words and EVIL in page.words
    assert 'b' not in page.tags
    assert page.tags.count('img') == 0  # the script makes them


def test_two_runs_are_compared_photo_by_photo(tmp_path):
    runs = read_runs([leave_run(tmp_path / 'a'), leave_run(tmp_path / 'b', 3, masks=False)])
    shown = gallery(runs)
    assert shown['runs'] == ['a', 'b'] and len(shown['pairs']) == len(shown['photos']) == PHOTOS
    first = shown['pairs'][0]
    assert first['class'] == 'cat' and first['truth'].startswith('data:image/png')
    assert first['runs'][0]['iou'] == 1 and first['runs'][1]['iou'] is None


def test_a_photo_that_a_run_has_not_seen_stays_in(tmp_path):
    runs = read_runs([leave_run(tmp_path / 'a'), leave_run(tmp_path / 'b')])
    name = next(iter(runs[0].photos))
    del runs[0].photos[name]
    pair = next(pair for pair in gallery(runs)['pairs'] if pair['photo'] == name)
    assert pair['runs'][0] is None and pair['runs'][1]['iou'] == 1


def test_a_run_that_went_on_has_one_curve_and_one_without_photos_has_its_curves(tmp_path):
    leave_log(tmp_path / 'run', '20260101_000000', [(10, {'loss': 3}), (20, {'loss': 2}), (30, {'loss': 9})])
    leave_log(tmp_path / 'run', '20260102_000000', [(30, {'loss': 1})])
    (run,) = read_runs([tmp_path / 'run'])
    assert run.series['loss'] == ([10, 20, 30], [3, 2, 1])
    write_report([tmp_path / 'run'], tmp_path / 'page.html')
    page = Page((tmp_path / 'page.html').read_text())
    assert 'No photos were kept' in page.words and page.tags.count('svg') == 1


def test_runs_of_one_name_are_told_apart(tmp_path):
    runs = read_runs([leave_run(tmp_path / 'x' / 'gain'), leave_run(tmp_path / 'y' / 'gain')])
    assert [run.name for run in runs] == ['x/gain', 'y/gain']


def test_what_is_no_run_is_named(tmp_path):
    (tmp_path / 'empty').mkdir()
    with pytest.raises(ValueError, match='there is no work directory .*nowhere'):
        write_report([tmp_path / 'nowhere'], tmp_path / 'page.html')
    with pytest.raises(ValueError, match=r'empty has neither a log nor a report\.json'):
        write_report([tmp_path / 'empty'], tmp_path / 'page.html')
    with pytest.raises(ValueError, match='named twice'):
        write_report([tmp_path / 'empty'] * 2, tmp_path / 'page.html')
    with pytest.raises(ValueError, match='at least one'):
        write_report([], tmp_path / 'page.html')
    (tmp_path / 'empty' / 'report.json').write_text('{"classes": []}')
    with pytest.raises(ValueError, match=r'report\.json is not what ReportData writes .*evaluate the run again'):
        write_report([tmp_path / 'empty'], tmp_path / 'page.html')
    assert not (tmp_path / 'page.html').exists()


@pytest.fixture(scope='module')
def browser():
    playwright = pytest.importorskip('playwright.sync_api')
    chromium = shutil.which('chromium')
    if chromium is None:
        pytest.skip('needs Chromium')
    with playwright.sync_playwright() as started:
        browser = started.chromium.launch(executable_path=chromium, args=['--no-sandbox'])
        yield browser
        browser.close()


@pytest.fixture(params=[(1280, 900), (390, 844)], ids=['desk', 'phone'])
def browser_page(request, browser):
    """An empty page, in which nothing must have been said or asked from a network in the end."""
    page = browser.new_page(viewport=dict(zip(('width', 'height'), request.param, strict=True)))
    said = []
    page.on('console', lambda message: said.append(message.text))
    page.on('pageerror', lambda error: said.append(str(error)))
    page.on('request', lambda asked: said.append(asked.url) if not asked.url.startswith(('file', 'data')) else None)
    yield page
    page.close()
    assert said == []


def gains(page):
    """IoU gained, of the headings that are there, in their order."""
    heads = page.locator('.card h3').all_text_contents()
    return [int(re.search(r'([-+]\d+) IoU$', head).group(1)) for head in heads]


def test_in_a_browser_filter_sort_and_keys_work(report, browser_page):
    page = browser_page
    page.goto(report.as_uri())
    assert page.evaluate('document.documentElement.scrollWidth <= innerWidth')
    assert gains(page)[0] < 0 and gains(page) == sorted(gains(page))  # worst first
    page.select_option('#order', label='gain in IoU of <b>guided over plain, best first')
    assert gains(page)[0] > 0 and gains(page) == sorted(gains(page), reverse=True)
    page.select_option('#class', 'cat')
    assert page.inner_text('#status').startswith(f'{PHOTOS // 2} maps of {PHOTOS // 2} photos: cat')
    assert all(head.startswith('cat, ') for head in page.locator('.card h3').all_text_contents())
    assert all(image.get_attribute('alt') is not None for image in page.locator('.card img').all())
    page.locator('.card').first.focus()
    page.keyboard.press('ArrowRight')
    page.keyboard.press('Enter')
    assert page.locator('#large').get_attribute('data-index') == '1'
    page.keyboard.press('ArrowRight')
    page.keyboard.press('Escape')
    assert page.evaluate('document.activeElement.dataset.index') == '2'


def test_in_a_browser_cards_come_as_one_scrolls(report, browser_page):
    page = browser_page
    page.goto(report.as_uri())
    assert page.locator('.card').count() < PHOTOS
    page.locator('.card').last.scroll_into_view_if_needed()
    page.locator('.card').nth(PHOTOS - 1).wait_for(state='attached', timeout=5000)


def test_in_a_browser_without_masks_coverage_orders(tmp_path, browser_page):
    folders = [leave_run(tmp_path / 'a', masks=False), leave_run(tmp_path / 'b', masks=False)]
    write_report(folders, tmp_path / 'page.html')
    browser_page.goto((tmp_path / 'page.html').as_uri())
    assert browser_page.locator('#order option').first.inner_text().startswith('change in coverage of b over a')
    assert 'no masks' in browser_page.inner_text('#figures')
    assert browser_page.locator('figcaption', has_text='truth').count() == 0
