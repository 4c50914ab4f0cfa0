"""Random names and values: the raw material of a world that cannot be known by heart.

The starter model has to read. So every name and value is drawn from a space far too large to memorise,
and the only way to a right answer is to find and copy it.
"""

from __future__ import annotations

import random
import zlib

HIRAGANA = (
    "あいうえおかきくけこさしすせそたちつてとなにぬねのはひふへほまみむめもやゆよらりるれろわが"
    "ぎぐげござじずぜぞだでどばびぶべぼぱぴぷぺぽ"
)
KATAKANA = (
    "アイウエオカキクケコサシスセソタチツテトナニヌネノハヒフヘホマミムメモヤユヨラリルレロワン"
    "ガギグゲゴザジズゼゾダデドバビブベボパピプペポ"
)
SMALL_AND_MARKS = (
    "ぁぃぅぇぉっゃゅょんをゔァィゥェォッャュョヲヴー・々〜～（）「」『』【】、。！？：；％＋－／＝"
)
ASCII = "".join(chr(c) for c in range(32, 127))

# The characters of the six primary school years and a few more: common in municipal names.
KANJI = (
    "一右雨円王音下火花貝学気九休玉金空月犬見五口校左三山子四糸字耳七車手十出女小上森人水正生青夕石赤千川"
    "先早草足村大男竹中虫町天田土二日入年白八百文木本名目立力林六引羽雲園遠何科夏家歌画回会海絵外角楽活間"
    "丸岩顔汽記帰弓牛魚京強教近兄形計元言原戸古午後語工公広交光考行高黄合谷国黒今才細作算止市矢姉思紙寺自"
    "時室社弱首秋週春書少場色食心新親図数西声星晴切雪船線前組走多太体台地池知茶昼長鳥朝直通弟店点電刀冬当"
    "東答頭同道読内南肉馬売買麦半番父風分聞米歩母方北毎妹万明鳴毛門夜野友用曜来里理話悪安暗医委意育員院飲"
    "運泳駅央横屋温化荷界開階寒感漢館岸起期客究急級宮球去橋業曲局銀区苦具君係軽血決研県庫湖向幸港号根祭皿"
    "仕死使始指歯詩次事持式実写者主守取酒受州拾終習集住重宿所暑助昭消商章勝乗植申身神真深進世整昔全相送想"
    "息速族他打対待代第題炭短談着注柱丁帳調追定庭笛鉄転都度投豆島湯登等動童農波配倍箱畑発反坂板皮悲美鼻筆"
    "氷表秒病品負部服福物平返勉放味命面問役薬由油有遊予羊洋葉陽様落流旅両緑礼列練路和愛案以衣位茨印英栄媛"
    "塩岡億加果貨課芽賀改械害街各覚潟完官管関観願岐希季旗器機議求泣給挙漁共協鏡競極熊訓軍郡群径景芸欠結建"
    "健験固功好香候康佐差菜最埼材崎昨札刷察参産散残氏司試児治滋辞鹿失借種周祝順初松笑唱焼照城縄臣信井成省"
    "清静席積折節説浅戦選然争倉巣束側続卒孫帯隊達単置仲沖兆低底的典伝徒努灯働特徳栃奈梨熱念敗梅博阪飯飛必"
    "票標不夫付府阜富副兵別辺変便包法望牧末満未民無約勇要養浴圧囲移因永営衛易益液演応往桜仮価河過快解格確"
    "額刊幹慣眼紀基寄規喜技義逆久旧救居境均禁句型経潔件険限現減故個護効厚耕航鉱構興告混査再災妻採際在財罪"
    "殺雑酸賛士史志枝師飼似識質舎謝授述術準序招象賞条状常情織職制性政勢精製税責績接設絶祖素総造像増則測属"
    "率損態団断築貯停提程適統堂銅導得毒独任燃能破犯判版比肥非費備評貧布婦武復複仏粉編弁保墓報豊防貿暴脈務"
    "夢迷綿輸余容略留領歴胃異遺域宇映延沿恩我灰拡革閣割株干巻看簡危机揮貴疑吸供胸郷勤筋系敬警劇激穴絹権憲"
    "源厳己呼誤后孝皇紅降鋼刻穀骨困砂済裁策冊蚕至私姿視詞誌磁射捨尺若樹宗就衆従縦縮熟純処署諸除承将傷障蒸"
    "針仁垂推寸盛聖誠舌宣専泉洗染銭善奏創装層操蔵臓存尊退宅担探誕段暖値宙忠著庁頂腸潮賃痛敵討党糖難乳認納"
    "脳派拝背肺俳班晩否批秘俵腹奮並陛閉片暮宝亡忘棒枚幕密盟模訳郵優預幼欲翌乱卵覧裏律臨朗論婚掲双援掃丘購"
    "齢籍鑑枠込祉施払扱違頼控絡獲択握撮影募催携託紹介般奥床柵桃虹霧滝浜浦岬沢塔壁亀鶴鷹狐狸猫蛍蝶利陸良料"
    "量輪類令冷例連老労録修函券励卓収可奨届展巡座張慮房抽拠振支更替柔検示窓箇緒補訪許診該請講貸資載迎駐"
)

# Short pieces of the first tokenizer beside those of PIECES.
_FURTHER = (
    "あさ あじ あな あら あるご いすぎ いて いない います いわし うさ うさぎ うち うど "
    "うどん うなぎ うや えが える えるお おなか おにぎ かじ かた かつ かつお から からは "
    "かり かる があり がある がい がお がとう きく きつ きつね きます くだ くま くら "
    "くらい くわし けば ける ければ こと ござ ごはん さくら さけ さば さま さまは さる "
    "され された さんま しです しと します しる すぎ すし すず すみれ すもう する せなか "
    "ぞう たい たいこ ただし たぬき たは たま たまご だけで だけを ってお つかり つけ "
    "つどい つばき てそ てば でご です ですか でもか とあり とうふ ときは なし にお につ "
    "につき にな になる には にはお ぬき ねこ はい はいつ はお はが はご はだ はど はどこ "
    "はどれ ばき ばら ひざ ひつ ひつじ ひらめ ひろば ふえ ふぐ ぶり ぽぽ まぐろ ますか "
    "ませ ません または まつり まで までに まま みから みです みな めご めば もち ゆび "
    "ゆり よそ らせ らめ りが りご れた れる わし わせ わる をお をご をして をする んな "
    "アサイ アー インド イー ウー エジプ エー オル オレン オン カナダ カレー カー カード "
    "キー ギター クラブ クル グー ケニア ケー ゲー コス コー コース ゴルフ ゴー サイ "
    "サイト サッ サロン サー シー ジオ ジプ ジー スキー スタ スペイ スポー スー センタ "
    "ソー ゾー タイ ター チェロ チュ チー チーズ ック ット ツアー テニス テー トラ ドイツ "
    "ドー ニス ニー ネー ハー ハープ バイク バス バレー パス パン パー ビー ピアノ ピザ "
    "ピンク フラ ブー プール ヘー ペイ ペット ペルー ペー ページ ホール ボー ポー マラ "
    "ムー モス ヤー ユー ヨット リン リー ルー レン レンタ レー ロケ ワー ンタ 一緒 不要 "
    "世帯 世話 中国 中止 主任 主査 予約 交付 人数 代理 以下 休業日 会員証 会館 体験会 "
    "何人 何円 何時 何番 例外 係長 先着 入力 公民館 出典 出張所 分室 分証 利用券 助成 "
    "助金 励金 動物 卓球 印有効 印鑑 参考 収集 取日 受付 受取日 可証 各回 回数券 回答 "
    "図書室 土曜日 地区 場合 場所 変更 大人 大会 奨励金 学習館 定員 家族 対象者 届出 "
    "展示室 川主任 巡回 工房 市内 年間 年額 幹線 広場 当者 往復 情報 手帳 手数料 払方法 "
    "投函 抽選 担当者 振込 提供 支所 教室 文書 料室 新幹線 日前 日曜日 日本 日間 時刻 "
    "時半 時期 時間 曜日 月曜日 月額 木係長 木曜日 未満 柔道 根拠 案内 検診 楽器 正午 "
    "歳以上 歳未満 毎年 毎月 毎週 水曜日 水泳 水色 注意 温室 火曜日 点検 現金 用意 用紙 "
    "申告書 申請 申込 番号 番窓口 発行日 登録 登録日 相談員 研修 確認 祝日 窓口 絡先 "
    "自転車 英語 茶色 行機 補助金 見学会 見守 記載 記録 許可証 証明書 話番号 該当 課長 "
    "講座 貸出 資料室 質問 身分証 車場 農園 送付 送迎 通学 通常 通知 連絡先 週間 過去 "
    "遠慮 部分 郵送 配食 野係長 野球 野課長 金曜日 金額 銀色 銀行 電車 飛行機 馬車 駐車場 "
    "黄色 "
    "うう うな ええ おたより きは ぎぎ ぐぐ ぐろ けれ げげ げな ささ ざざ じじ すす たくさん "
    "たた たよ たより ちち つつ つば でも でで とと なな ねね はな はは ばで ひまわり びな "
    "びび ぴぴ ふふ ぶぶ ぷぷ ぺな まな みそしる むむ めで めめ もも やで やや ゅゅ ゆゆ "
    "ょょ よよ りり るな るる ろで わること んん あさがお あじさい くわしく ください "
    "について およそ どなた どんな イン キャンプ コスモス シェアサイ スタジオ スタン "
    "スタント スペイン タクシー トラック バイオリン フランス フルート ブラジル ライオン "
    "ラグビー ンジ ンペット ーリップ オレ ケニ エジ エジプト ェアサイ いい いですか ている "
    "まは てい しています ああ うで おに かな くわしくは けばい ここ ごご すも ずず せせ "
    "ぜで そそ ぞぞ たんぽぽ っっ つじ てて なで にに ぬぬ ねで ばい ばば ひひ へへ ぺぺ "
    "ほほ めばい みで ゃゃ らら ろろ わで んで オルガン オレンジ になった できません "
    "ときはお ないときは "
)

# Everyday pieces of words, which a tokenizer makes one token of: names have to hold each of them now and then, because
# a token that was never copied cannot be copied.
PIECES = (
    "さん", "ちゃん", "たん", "だん", "はん", "ほん", "なか", "より", "おた", "ごは", "さい",
    "さき", "して", "たく", "だけ", "だし", "でき", "とう", "とお", "とき", "どい", "ない", "なぎ",
    "なた", "にか", "にぎ", "ひま", "ひろ", "べも", "まぐ", "ます", "まつ", "みそ", "みれ", "むら",
    "もう", "もか", "よく", "れば", "わり", "みんな", "あず", "あり", "ある", "おにぎり", "かかり",
    "いけば", "はがき", "りたい", "をつけ", "っこ", "った", "って", "ゃく", "ょう", "ゅう", "しゃ",
    "ちょ", "きゅう", "りょう", "アシ", "イツ", "カナ", "ガン", "キャ", "ギー", "クラ", "サッカー",
    "ラジオ", "スタンド", "ソン", "タク", "タンク", "ポット", "ップ", "デー", "ニア", "バイ",
    "ピア", "ピー", "ブラ", "ベー", "マラソン", "ライ", "ラグ", "ルフ", "レンタル", "ロケット",
    "ロン", "ンク", "ンス", "ント", "ンド", "ンプ", "ール", "スクール", "コーナー", "フルー",
    "リップ", "ジル", "ェロ", "オリン", "センター", "スポーツ", "上限", "以上", "休業", "体験",
    "公民", "出張", "利用", "口座", "回数", "図書", "学会", "対象", "展示", "年始", "年末", "引用",
    "必要", "所要", "手数", "振替", "資料", "方法", "日数", "明書", "書類", "有効", "期間", "期限",
    "発行", "箇所", "習館", "自転", "駐車", "告書", "員証", "修理", "補助", "回収", "検査", "講習",
    "相談", "訪問", "貸与",
    # and single ones that come seldom by chance
    *"んっゃゅょッャュョー修函券励卓収可奨届展巡座張慮房抽拠振支更替柔検示窓箇緒補訪許診該請講貸資載迎駐",
    *_FURTHER.split(),
)  # fmt: skip

# What answers are framed with. A copy that meets one of these inside a name goes on with the frame
# (「古参考文書の…」 for 「古文書の…」) unless names hold them often.
FRAMES = (
    "文書", "参考", "参考文書", "記載", "根拠", "出典", "情報", "提供", "回答", "該当", "番の", "あり", "なし", "質問",
)  # fmt: skip

KINDS = (
    "申請", "登録", "教室", "利用券", "証明書", "相談", "助成", "貸出", "検診", "予約", "講座", "回数券",
    "許可証", "届出", "体験会",
    "見学会", "会員証", "手帳", "奨励金", "補助金", "駐車場", "広場", "農園", "温室", "資料室", "展示室",
    "工房", "巡回バス", "送迎",
    "配食", "収集", "点検", "訪問", "研修", "大会", "まつり", "クラブ", "サロン", "カード", "パス",
    "ホール", "プール", "キャンプ場",
    "図書室", "スタジオ", "コース", "シェアサイクル", "ツアー", "ひろば", "おたより", "つどい", "あずかり",
    "見守り", "レンタル",
)  # fmt: skip


def is_held_out(value: str) -> bool:
    """Reserve one value in eight for the sample data, so that training never meets it."""
    return zlib.crc32(value.encode()) % 8 == 0


def draw(rng: random.Random, alphabet: str, low: int, high: int) -> str:
    """Draw a string of low to high characters."""
    return "".join(rng.choice(alphabet) for _ in range(rng.randint(low, high)))


def make_word(rng: random.Random) -> str:
    """Make a nonsense word in one script, or two scripts joined."""
    shape = rng.random()
    if shape < 0.35:
        return draw(rng, KANJI, 2, 3)
    if shape < 0.60:
        return draw(rng, KATAKANA, 2, 4) + ("ー" if rng.random() < 0.2 else "")
    if shape < 0.80:
        return draw(rng, HIRAGANA, 2, 4)
    return draw(rng, KATAKANA if rng.random() < 0.5 else HIRAGANA, 2, 3) + draw(rng, KANJI, 1, 2)


def make_phrase(rng: random.Random) -> str:
    """Make a name of several words, as people make them: 「ねこの手術の補助」, 「引っこしごみの回収」.

    Words with the endings of verbs, two or three の, and in one phrase of three characters that come again and
    again: whoever copies such a name must know how far it has come, not only which character it is at.
    """
    wide = (KANJI, HIRAGANA + "んんっゃゅょ", KATAKANA + "ッャュョー")
    few = tuple(draw(rng, alphabet, 2, 3) for alphabet in wide)
    kanji, hiragana, katakana = few if rng.random() < 0.3 else wide

    def word() -> str:
        shape = rng.random()
        if shape < 0.15:
            return draw(rng, kanji, 1, 3)
        if shape < 0.30:
            # behind something, before something, or alone
            return (
                draw(rng, rng.choice((kanji, hiragana)), 0, 2)
                + rng.choice(FRAMES if rng.random() < 0.2 else PIECES)
                + draw(rng, hiragana, 0, 1)
            )
        if shape < 0.40:
            return draw(rng, katakana, 2, 4)
        if shape < 0.58:
            return draw(rng, hiragana, 2, 5)
        if shape < 0.75:
            return draw(rng, kanji, 1, 2) + draw(rng, hiragana, 1, 3)
        return (
            draw(rng, kanji, 1, 1)
            + draw(rng, hiragana, 1, 2)
            + draw(rng, kanji, 1, 1)
            + draw(rng, hiragana, 1, 2)
        )

    words = [word() for _ in range(rng.choice((2, 2, 2, 3, 3, 4)))]
    if rng.random() < 0.3:
        words[-1] = rng.choice(KINDS)
    joints = [rng.choice(("の", "の", "の", "", "での", "な")) for _ in words[1:]]
    return words[0] + "".join(joint + after for joint, after in zip(joints, words[1:], strict=True))


def make_service(rng: random.Random) -> str:
    """Make a service name, for example 「ケトミ川の貸出」; many carry one of KINDS."""
    if rng.random() < 0.5:
        return make_phrase(rng)
    word = make_word(rng)
    shape = rng.random()
    if shape < 0.40:
        return word + rng.choice(KINDS)
    if shape < 0.60:
        return f"{word}の{rng.choice(KINDS)}"
    if shape < 0.75:
        return word + make_word(rng)
    if shape < 0.90:
        return f"{word}の{make_word(rng)}{rng.choice(KINDS)}"
    return f"{word}{draw(rng, KANJI, 2, 3)}の{rng.choice(KINDS)}"


def make_sibling(rng: random.Random, service: str) -> str:
    """Make a name that shares its beginning or its end with a service: the hardest kind of neighbour."""
    for kind in KINDS:
        if service.endswith(kind):
            if rng.random() < 0.5:
                return service.removesuffix(kind) + rng.choice([other for other in KINDS if other != kind])
            return make_word(rng) + kind
    head, joint, _ = service.rpartition("の")
    if joint and rng.random() < 0.5:
        return head + joint + make_word(rng)
    return service[:2] + make_word(rng)


def make_place(rng: random.Random) -> str:
    """Make the name of a room, hall or desk."""
    word = make_word(rng)
    tail = rng.choice(("課", "係", "センター", "会館", "公民館", "分室", "支所", "棟", "学習館", "出張所"))
    floor = rng.choice(("", "", f"の{rng.randint(1, 9)}階", f"{rng.randint(1, 40)}番窓口", "の受付"))
    return word + tail + floor
