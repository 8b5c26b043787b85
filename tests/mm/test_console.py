import logging

from mmengine.config import Config

from gain_plugin.mm.console import Bar, QuietRunner

SMALL = {
    'train_cfg': {'max_iters': 4, 'val_interval': 10},
    'train_dataloader': {'batch_size': 2, 'dataset': {'count': 4}},
    'test_dataloader': {'dataset': {'count': 4}},
}


def test_a_line_a_stage_and_ten_per_cent_and_the_log_in_its_file(tmp_path, capfd):
    cfg = Config.fromfile('configs/synthetic/plain.py')
    cfg.merge_from_dict(SMALL)
    cfg.work_dir = str(tmp_path)
    runner = QuietRunner.from_cfg(cfg)
    with Bar(runs=2) as bar:
        bar.begin(runner, 'plain', train=True)
        runner.train()
    runner.logger.warning('"FileClient" will be deprecated in future')
    runner.logger.warning('news')
    runner.load_checkpoint((tmp_path / 'last_checkpoint').read_text())
    out, err = capfd.readouterr()
    lines = err.splitlines()
    assert lines[0] == f'plain: log in {runner.log_dir}'
    assert [line.split()[0] for line in lines[1:]] == ['12', '25', '38', '50']  # of two runs as long as this
    assert 'loss_cls' in lines[-1]
    assert 'news' in out and 'FileClient' not in out and 'Config' not in out and 'checkpoint' not in out
    (log,) = tmp_path.glob('*/*.log')
    text = log.read_text()
    assert 'FileClient' in text and 'Config' in text and 'Load checkpoint from' in text
    assert all(handler.level >= logging.INFO for handler in runner.logger.handlers)


def test_names_are_shown_as_they_are():
    bar = Bar()
    bar._progress.update(bar._task, description='[/] [red]plain')
    assert str(bar._progress.columns[0].render(bar._progress.tasks[0])) == '[/] [red]plain'


def test_quiet_shows_nothing(tmp_path, capfd):
    bar = Bar(quiet=True)
    with bar:
        bar.say('anything')
    assert capfd.readouterr() == ('', '')
